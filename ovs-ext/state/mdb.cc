#include "state/mdb.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>

#include "state/text.h"

namespace hitless::state {

namespace {

// Of mdb/show, where snooping is not enabled (ofproto/ofproto-dpif.c).
constexpr std::string_view disabled = "multicast snooping is disabled";

Result<std::vector<MulticastEntry>> show(instance::Control& control, const std::string& bridge) {
    auto text = control.call("mdb/show", {bridge});
    if (!text && text.error().message.find(disabled) != std::string::npos) {
        return std::vector<MulticastEntry>{};
    }
    return parse_mdb(bridge, TRY(std::move(text)));
}

Result<Packet> make_message(const MulticastEntry& entry, bool wanted, bool tagged) {
    MulticastMessage message;
    message.vlan = tagged ? entry.vlan : 0;
    message.what = entry.group.empty() ? MulticastMessage::query : wanted ? MulticastMessage::report : MulticastMessage::leave;
    message.v6 = entry.group.find(':') != std::string::npos;
    if (!entry.group.empty() && ::inet_pton(message.v6 ? AF_INET6 : AF_INET, entry.group.c_str(), message.group.data()) != 1) {
        return make_error("mdb: bridge {}: '{}' is no address", entry.bridge, entry.group);
    }
    return build_multicast(message);
}

// A trace of a packet learns from it as if it had come in, and sends nothing ("Side effects" in ovs-vswitchd(8)). A packet-out
// does not: snooping is left out of its translation.
Status send(instance::Control& to, const std::vector<MulticastEntry>& entries, bool wanted, bool tagged) {
    for (const MulticastEntry& entry : entries) {
        std::string hex;
        for (uint8_t byte : TRY(make_message(entry, wanted, tagged))) {
            hex += fmt::format("{:02x}", byte);
        }
        TRY(to.call("ofproto/trace-packet-out", {entry.bridge, "in_port=" + format_port(entry.port), hex, "NORMAL"}));
    }
    return {};
}

// Makes 'entries' be in the table, or (wanted = false) not. As in state/fdb.cc: a port that does not take frames of the VLAN with a
// tag is tried with one that has none.
Status bring_about(instance::Control& to, const Snapshot& snapshot, bool wanted) {
    std::map<std::string, std::vector<MulticastEntry>> by_bridge;
    for (const Entry& entry : snapshot) {
        auto decoded = TRY(to_multicast_entry(entry));
        by_bridge[decoded.bridge].push_back(std::move(decoded));
    }
    for (auto& [bridge, entries] : by_bridge) {
        TRY(send(to, entries, wanted, true));
        std::erase_if(entries, [](const MulticastEntry& entry) { return entry.vlan == 0; });
        if (entries.empty()) {
            continue;
        }
        auto present = TRY(show(to, bridge));
        std::erase_if(entries, [&](const MulticastEntry& entry) {
            return (std::find(present.begin(), present.end(), entry) != present.end()) == wanted;
        });
        TRY(send(to, entries, wanted, false));
    }
    return {};
}

}  // namespace

// Later versions have a column for the protocol's version in front of the group.
Result<std::vector<MulticastEntry>> parse_mdb(const std::string& bridge, std::string_view text) {
    std::vector<MulticastEntry> entries;
    next_line(text);   // " port  VLAN  GROUP                Age"
    while (!text.empty()) {
        std::string_view line = next_line(text), rest = line;
        std::vector<std::string_view> words;
        for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
            words.push_back(word);
        }
        if (words.empty()) {
            continue;
        }
        MulticastEntry entry{.bridge = bridge, .vlan = 0, .group = {}, .port = 0};
        if (words.size() < 4 || !parse_number(words[1], entry.vlan)) {
            return make_error("bridge {}: mdb/show: cannot understand '{}'", bridge, line.substr(0, 200));
        }
        std::string_view group = words[words.size() - 2];
        entry.group = group == "querier" ? "" : group;
        if (parse_port(words[0], entry.port)) {
            entries.push_back(std::move(entry));
        }
    }
    return entries;
}

Entry to_entry(const MulticastEntry& entry) {
    return {fmt::format("{} {} {} {}", entry.bridge, entry.vlan, entry.group.empty() ? "querier" : entry.group, format_port(entry.port)), ""};
}

Result<MulticastEntry> to_multicast_entry(const Entry& entry) {
    std::string_view rest = entry.key;
    MulticastEntry result;
    result.bridge = next_word(rest);
    std::string_view vlan = next_word(rest), group = next_word(rest), port = next_word(rest);
    if (!parse_number(vlan, result.vlan) || !parse_port(port, result.port)) {
        return make_error("mdb: damaged entry '{}'", entry.key);
    }
    result.group = group == "querier" ? "" : group;
    return result;
}

Result<Snapshot> Mdb::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const std::string& bridge : from.bridges()) {
        for (const MulticastEntry& entry : TRY(show(from, bridge))) {
            snapshot.push_back(to_entry(entry));
        }
    }
    sort_by_key(snapshot);
    snapshot.erase(std::unique(snapshot.begin(), snapshot.end()), snapshot.end());
    return snapshot;
}

Status Mdb::load(instance::Control& to, const Changes& changes) {
    TRY(bring_about(to, changes.remove, false));
    return bring_about(to, changes.add, true);
}

bool Mdb::harmless_extra(const Entry& extra) const {
    auto entry = to_multicast_entry(extra);
    return entry && entry->group.empty();
}

std::string Mdb::describe(const Entry& entry) const {
    auto decoded = to_multicast_entry(entry);
    if (!decoded) {
        return decoded.error().message;
    }
    return fmt::format("bridge {}: port {} VLAN {} {}", decoded->bridge, format_port(decoded->port), decoded->vlan,
                       decoded->group.empty() ? "querier" : "group " + decoded->group);
}

}  // namespace hitless::state
