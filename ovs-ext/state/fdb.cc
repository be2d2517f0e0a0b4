#include "state/fdb.h"

#include <algorithm>
#include <map>

#include "state/text.h"

namespace hitless::state {

namespace {

Result<std::vector<MacEntry>> to_mac_entries(const Snapshot& snapshot) {
    std::vector<MacEntry> entries;
    for (const Entry& entry : snapshot) {
        entries.push_back(TRY(to_mac_entry(entry)));
    }
    return entries;
}

Result<std::vector<MacEntry>> show(instance::Control& control, const std::string& bridge) {
    return parse_fdb(bridge, TRY(control.call("fdb/show", {bridge})));
}

Result<Snapshot> show_all(instance::Control& from) {
    Snapshot snapshot;
    for (const std::string& bridge : from.bridges()) {
        for (const MacEntry& entry : TRY(show(from, bridge))) {
            snapshot.push_back(to_entry(entry));
        }
    }
    sort_by_key(snapshot);
    return snapshot;
}

// None: the version does not count.
Result<Fdb::Counts> read_counts(instance::Control& from) {
    std::vector<std::string> counts;
    for (const std::string& bridge : from.bridges()) {
        auto told = from.call("fdb/stats-show", {bridge});
        if (!told && is_unknown_command(told.error())) {
            return Fdb::Counts();
        }
        counts.push_back(TRY(std::move(told)));
    }
    return Fdb::Counts(std::move(counts));
}

Status send_frames(instance::Control& to, const std::string& bridge, const std::vector<MacEntry>& entries, bool tagged) {
    std::vector<openflow::PacketOut> packets;
    for (const MacEntry& entry : entries) {
        packets.push_back({entry.port, build_learning_frame(entry.mac, tagged ? entry.vlan : 0), "NORMAL"});
    }
    return packets.empty() ? Status() : TRY(to.openflow(bridge))->packet_outs(packets);
}

}  // namespace

Result<std::vector<MacEntry>> parse_fdb(const std::string& bridge, std::string_view text) {
    std::vector<MacEntry> entries;
    next_line(text);   // " port  VLAN  MAC                Age"
    while (!text.empty()) {
        std::string_view line = next_line(text), rest = line;
        if (line.empty()) {
            continue;
        }
        MacEntry entry{.bridge = bridge};
        std::string_view port = next_word(rest), vlan = next_word(rest), mac = next_word(rest), age = next_word(rest);
        bool numbered = parse_port(port, entry.port);
        if (port.empty() || age.empty() || !parse_number(vlan, entry.vlan) || !parse_mac(mac, entry.mac)) {
            return make_error("bridge {}: fdb/show: cannot understand '{}'", bridge, line.substr(0, 200));
        }
        entry.is_static = age == "static";
        if (numbered) {
            entries.push_back(std::move(entry));
        }
    }
    return entries;
}

Result<std::string> find_port_name(std::string_view dpif_show, const std::string& bridge, uint32_t port) {
    if (port == ofpp_local) {
        return bridge;
    }
    // "  BRIDGE:" and below it "    NAME OFPORT/ODPPORT: (TYPE...)".
    std::string heading = bridge + ":", prefix = std::to_string(port) + "/";
    bool inside = false;
    while (!dpif_show.empty()) {
        std::string_view line = next_line(dpif_show);
        bool of_a_port = line.substr(0, 4) == "    ";
        std::string_view word = next_word(line);
        if (!of_a_port) {
            inside = word == heading;
        } else if (inside && next_word(line).substr(0, prefix.size()) == prefix) {
            return std::string(word);
        }
    }
    return make_error("bridge {}: dpif/show has no OpenFlow port {}", bridge, port);
}

Entry to_entry(const MacEntry& entry) {
    Entry result;
    result.key = entry.bridge;
    result.key.push_back('\0');
    result.key.push_back(static_cast<char>(entry.vlan >> 8));
    result.key.push_back(static_cast<char>(entry.vlan));
    result.key.append(entry.mac.begin(), entry.mac.end());
    result.value = format_port(entry.port) + (entry.is_static ? " static" : "");
    return result;
}

Result<MacEntry> to_mac_entry(const Entry& entry) {
    constexpr size_t tail_length = 1 + 2 + 6;
    MacEntry result;
    std::string_view value = entry.value, port = next_word(value);
    result.is_static = next_word(value) == "static";
    if (entry.key.size() < tail_length || !parse_port(port, result.port)) {
        return make_error("fdb: damaged entry with value '{}'", entry.value);
    }
    const auto* tail = reinterpret_cast<const uint8_t*>(entry.key.data() + entry.key.size() - tail_length);
    result.bridge = entry.key.substr(0, entry.key.size() - tail_length);
    result.vlan = static_cast<uint16_t>(tail[1] << 8 | tail[2]);
    std::copy_n(tail + 3, 6, result.mac.begin());
    return result;
}

Result<Snapshot> Fdb::dump(instance::Control& from) {
    counts_.reset();
    return show_all(from);
}

Result<Snapshot> Fdb::changed_since(instance::Control& from, Snapshot last) {
    auto before = std::exchange(counts_, std::nullopt);
    if (before || !packets_wait_) {   // else there is not to be a request more
        counts_ = TRY(read_counts(from));
        if (before && before == counts_) {
            return last;
        }
    }
    packets_wait_ = false;
    return show_all(from);
}

// fdb/del finds static entries alone.
Status Fdb::remove_static(instance::Control& to, const MacEntry& entry) {
    auto removed = to.call("fdb/del", {entry.bridge, std::to_string(entry.vlan), format_mac(entry.mac)});
    // A version without the command has no static entries either.
    if (!removed && !is_unknown_command(removed.error()) &&
        removed.error().message.find("could not find static") == std::string::npos) {
        return removed.error();
    }
    return {};
}

bool Fdb::harmless_extra(const Entry& extra) const {
    auto entry = to_mac_entry(extra);
    return entry && !entry->is_static;
}

// The VLAN of an entry is that of the table; whether frames of it come in with a tag is the port's matter (access, trunk...). A
// port that does not take the tagged frame is tried with an untagged one.
Status Fdb::learn(instance::Control& to, const std::vector<MacEntry>& entries) {
    std::map<std::string, std::vector<MacEntry>> by_bridge;
    for (const MacEntry& entry : entries) {
        by_bridge[entry.bridge].push_back(entry);
    }
    for (const auto& [bridge, wanted] : by_bridge) {
        TRY(send_frames(to, bridge, wanted, true));
        std::vector<MacEntry> missing;
        std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(missing), [](const MacEntry& entry) { return entry.vlan != 0; });
        if (missing.empty()) {
            continue;
        }
        Snapshot learnt;
        for (const MacEntry& entry : TRY(show(to, bridge))) {
            learnt.push_back(to_entry(entry));
        }
        missing.erase(std::remove_if(missing.begin(), missing.end(),
                                     [&](const MacEntry& entry) {
                                         return std::find(learnt.begin(), learnt.end(), to_entry(entry)) != learnt.end();
                                     }),
                      missing.end());
        TRY(send_frames(to, bridge, missing, false));
    }
    return {};
}

Status Fdb::add_static(instance::Control& to, const MacEntry& entry) {
    std::string port = TRY(find_port_name(TRY(to.call("dpif/show")), entry.bridge, entry.port));
    TRY(to.call("fdb/add", {entry.bridge, port, std::to_string(entry.vlan), format_mac(entry.mac)}));
    return {};
}

Status Fdb::load(instance::Control& to, const Changes& changes) {
    for (const MacEntry& entry : TRY(to_mac_entries(changes.remove))) {
        if (entry.is_static) {
            TRY(remove_static(to, entry));
        }
    }
    std::vector<MacEntry> dynamic;
    for (const Snapshot* entries : {&changes.change, &changes.add}) {
        for (const MacEntry& entry : TRY(to_mac_entries(*entries))) {
            if (entry.is_static) {
                TRY(add_static(to, entry));
                continue;
            }
            if (entries == &changes.change) {
                TRY(remove_static(to, entry));   // an address with a static entry is not learnt
            }
            dynamic.push_back(entry);
        }
    }
    return learn(to, dynamic);
}

std::string Fdb::describe(const Entry& entry) const {
    auto decoded = to_mac_entry(entry);
    if (!decoded) {
        return decoded.error().message;
    }
    return fmt::format("bridge {}: port {} VLAN {} MAC {}{}", decoded->bridge, format_port(decoded->port), decoded->vlan,
                       format_mac(decoded->mac), decoded->is_static ? " static" : "");
}

}  // namespace hitless::state
