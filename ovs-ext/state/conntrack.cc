#include "state/conntrack.h"

#include <algorithm>
#include <map>
#include <set>

namespace hitless::state {

namespace {

// A connection with less left than this when dumped is given its full time again by refresh(): the copy sees no packets of its
// own before it becomes active, and a connection with traffic must not expire in the meantime.
constexpr uint32_t fading_s = 20;

// Packet-outs that are in memory at one time.
constexpr size_t packets_per_batch = 4096;

// Within this a tracker has swept all connections: every 20 s, and of many (1/64 of its limit) only a part each 0.2 s.
constexpr std::chrono::seconds sweep_limit{35};

bool by_key(const Entry& a, const Entry& b) {
    return a.key < b.key;
}

const Entry* find(const Snapshot& snapshot, const std::string& key) {
    auto at = std::lower_bound(snapshot.begin(), snapshot.end(), Entry{key, {}}, by_key);
    return at != snapshot.end() && at->key == key ? &*at : nullptr;
}

Result<std::vector<Connection>> decode(const Snapshot& entries) {
    std::vector<Connection> connections;
    connections.reserve(entries.size());
    for (const Entry& entry : entries) {
        connections.push_back(TRY(from_entry(entry)));
    }
    return connections;
}

// ct() needs no bridge of its own: connections belong to the datapath. Any bridge will do.
Result<openflow::Connection*> any_bridge(instance::Control& to) {
    std::vector<std::string> bridges = to.bridges();
    if (bridges.empty()) {
        return make_error("instance {}: has no bridge to load connections through", to_string(to.side()));
    }
    return to.openflow(bridges.front());
}

Status flush(instance::Control& to, const std::vector<std::string>& arguments) {
    auto flushed = to.call("dpctl/flush-conntrack", arguments);
    // It may have expired since the dump.
    if (!flushed && flushed.error().message.find("No such file or directory") == std::string::npos) {
        return flushed.error();
    }
    return {};
}

std::string zone_argument(uint16_t zone) {
    return fmt::format("zone={}", zone);
}

// Zones of which every connection that 'dumped' has is in 'gone'.
std::vector<uint16_t> emptied_zones(const Snapshot& dumped, const std::vector<Connection>& gone) {
    std::map<uint16_t, std::pair<size_t, size_t>> counts;   // had, go
    for (const Connection& connection : gone) {
        counts[connection.zone].second++;
    }
    for (const Entry& entry : dumped) {
        if (auto count = counts.find(zone_of(entry)); count != counts.end()) {
            count->second.first++;
        }
    }
    std::vector<uint16_t> zones;
    for (const auto& [zone, count] : counts) {
        if (count.first == count.second) {
            zones.push_back(zone);
        }
    }
    return zones;
}

}  // namespace

Conntrack::Conntrack(ConntrackOptions options, std::shared_ptr<SequenceCheck> check)
    : options_(std::move(options)), reader_(std::move(options_.zones)), check_(std::move(check)),
      copies_(options_.copies ? std::move(options_.copies) : std::make_shared<TcpCopies>()) {}

const TimeoutPolicy& Conntrack::timeouts(uint16_t zone) const {
    auto own = options_.zone_timeouts.find(zone);
    return own == options_.zone_timeouts.end() ? options_.timeouts : own->second;
}

Result<Snapshot> Conntrack::dump(instance::Control& from) {
    Known& side = known(from.side());
    side.fading.clear();
    Uncarried uncarried;
    Snapshot snapshot;
    TRY(reader_.read(from, [&](const Connection& parsed) {
        Connection connection = parsed;
        if (connection.original.protocol != IPPROTO_TCP) {
            infer_direction(connection, timeouts(connection.zone));
        } else if (connection.peer[0].state == TcpState::closed) {
            return;   // about to be replaced by the SYN that closed it
        }
        if (side.target && connection.timeout_s < fading_s && !is_closed(connection)) {
            side.fading.push_back(connection);
        }
        uncarried.helpers += connection.helper.empty() ? 0 : 1;
        uncarried.related += connection.related ? 1 : 0;
        if (!connection.unknown.empty()) {
            uncarried.unknown.insert(connection.unknown);
        }
        snapshot.push_back(to_entry(connection));
    }));
    sort_by_key(snapshot);
    // A connection that was made anew while it was printed is there twice.
    auto same_key = [](const Entry& a, const Entry& b) { return a.key == b.key; };
    snapshot.erase(std::unique(snapshot.begin(), snapshot.end(), same_key), snapshot.end());
    copies_->forget_ended(from.side(), snapshot);
    if (side.target) {
        copies_->adopt(from.side(), snapshot);
        side.dumped = snapshot;
        side.touched.clear();
    } else {
        uncarried_ = std::move(uncarried);
    }
    return snapshot;
}

Result<Snapshot> Conntrack::changed_since(instance::Control& from, Snapshot last) {
    return unchanged_ ? std::move(last) : dump(from);
}

Conntrack::Known& Conntrack::begin_target(Side to) {
    Known& side = known(to);
    if (!side.target) {
        known(other(to)) = {};
        side.target = true;
    }
    return side;
}

Status Conntrack::load(instance::Control& to, const Changes& changes) {
    Known& side = begin_target(to.side());
    if (moved_.valid()) {
        moved_.wait();
    }
    std::vector<Connection> gone = TRY(decode(changes.remove));
    std::vector<Connection> wanted = TRY(decode(changes.add));
    std::vector<openflow::PacketOut> packets;
    for (const Entry& entry : changes.change) {
        Connection connection = TRY(from_entry(entry));
        const Entry* old = side.touched.count(entry.key) ? nullptr : find(side.dumped, entry.key);
        if (old && can_change_in_place(TRY(from_entry(*old)), connection)) {
            append_change(connection, packets);
        } else {
            gone.push_back(connection);
            wanted.push_back(connection);
        }
    }
    TRY(remove(to, gone));
    for (const Snapshot* entries : {&changes.add, &changes.change, &changes.remove}) {
        for (const Entry& entry : *entries) {
            side.touched.insert(entry.key);
        }
    }
    return create(to, std::move(wanted), std::move(packets));
}

Status Conntrack::send(instance::Control& to, std::vector<openflow::PacketOut>& packets) {
    if (!packets.empty()) {
        TRY(TRY(any_bridge(to))->packet_outs(packets));
        packets.clear();
    }
    return {};
}

Status Conntrack::remove(instance::Control& to, const std::vector<Connection>& connections) {
    Known& side = known(to.side());
    std::vector<uint16_t> zones;
    if (side.touched.empty()) {
        zones = emptied_zones(side.dumped, connections);
    }
    for (uint16_t zone : zones) {
        TRY(flush(to, {zone_argument(zone)}));
    }
    std::vector<openflow::PacketOut> packets;
    for (const Connection& connection : connections) {
        copies_->of(to.side()).erase(key_of(connection));
        if (std::binary_search(zones.begin(), zones.end(), connection.zone)) {
            continue;
        }
        if (connection.original.protocol == IPPROTO_ICMPV6) {
            append_icmpv6_removal(connection, packets);
            continue;
        }
        if (Status flushed = flush(to, {zone_argument(connection.zone), flush_argument(connection)}); !flushed) {
            return make_error("connection {}: cannot be removed: {}", format_connection(connection), flushed.error().message);
        }
    }
    return send(to, packets);
}

Status Conntrack::create(instance::Control& to, std::vector<Connection> connections, std::vector<openflow::PacketOut> packets) {
    // Those whose port was moved because of another go after the others, in the order in which the ports were tried.
    auto late = std::stable_partition(connections.begin(), connections.end(), [](const Connection& connection) {
        return !infer_translation(connection).source_port_moved;
    });
    std::sort(late, connections.end(), [](const Connection& a, const Connection& b) {
        return a.reply.destination_port < b.reply.destination_port;
    });
    TcpCopies::Map& copies = copies_->of(to.side());
    for (const Connection& connection : connections) {
        if (connection.original.protocol == IPPROTO_TCP && !is_closed(connection)) {
            copies.insert_or_assign(key_of(connection), TcpCopy{connection, learn_numbers(connection, options_.sequences)});
        }
    }
    if (connections_without_numbers(to.side())) {   // first: their packets need not be within any window then, either
        TRY(check_->suspend(to));
    }
    for (const Connection& connection : connections) {
        auto copy = copies.find(key_of(connection));
        auto numbers = copy == copies.end() ? std::nullopt : copy->second.numbers;
        TRY(append_creation(connection, numbers, packets));
        if (packets.size() >= packets_per_batch) {
            TRY(send(to, packets));
        }
    }
    return send(to, packets);
}

Status Conntrack::refresh(instance::Control& to) {
    begin_target(to.side());
    TRY(keep_alive(to));
    TRY(move_windows(to));
    if (!connections_without_numbers(to.side())) {
        TRY(check_->resume(to));
    }
    return {};
}

Status Conntrack::keep_alive(instance::Control& to) {
    Known& side = known(to.side());
    std::vector<openflow::PacketOut> packets;
    for (const Connection& connection : side.fading) {
        std::string key = key_of(connection);
        if (side.touched.count(key)) {
            continue;   // those loaded since have their full time
        }
        std::optional<TcpNumbers> numbers;
        if (connection.original.protocol == IPPROTO_TCP) {
            auto copy = copies_->of(to.side()).find(key);
            if (copy == copies_->of(to.side()).end() || (copy->second.seen && !copy->second.numbers)) {
                continue;   // no packet that its windows would take is known
            }
            numbers = copy->second.numbers;
        }
        append_keep_alive(connection, numbers, packets);
    }
    side.fading.clear();
    return send(to, packets);
}

// It is over: a late packet of it finds what it would find had it expired, as it soon will.
bool Conntrack::harmless_missing(const Entry& missing) const {
    auto connection = from_entry(missing);
    return connection.ok() && is_closed(*connection);
}

std::chrono::seconds Conntrack::refused_for(const Entry& entry) const {
    auto connection = from_entry(entry);
    bool translated = connection.ok() && infer_translation(*connection).kind != Translation::Kind::none;
    return translated ? sweep_limit : std::chrono::seconds();
}

std::string Conntrack::describe(const Entry& entry) const {
    auto connection = from_entry(entry);
    return connection ? format_connection(*connection) : connection.error().message;
}

}  // namespace hitless::state
