#include "state/tcp_copies.h"

#include <algorithm>

#include "state/conntrack_value.h"

namespace hitless::state {

namespace {

// The connection of 'key' in 'dumped', unless it is over.
std::optional<Connection> find_live(const Snapshot& dumped, const std::string& key) {
    auto at = std::lower_bound(dumped.begin(), dumped.end(), key, [](const Entry& entry, const std::string& k) { return entry.key < k; });
    if (at == dumped.end() || at->key != key) {
        return std::nullopt;
    }
    auto connection = from_entry(*at);
    return connection && !is_closed(*connection) ? std::optional(std::move(*connection)) : std::nullopt;
}

// Forgets those for which 'concerned' says so and that are no more; the others are as 'dumped' has them.
template <typename Concerned>
void follow(TcpCopies::Map& copies, const Snapshot& dumped, Concerned concerned) {
    for (auto copy = copies.begin(); copy != copies.end();) {
        if (!concerned(copy->second.connection)) {
            ++copy;
            continue;
        }
        auto live = find_live(dumped, copy->first);
        if (live) {
            copy->second.connection = std::move(*live);
            ++copy;
        } else {
            copy = copies.erase(copy);
        }
    }
}

}  // namespace

void TcpCopies::forget_ended(Side side, const Snapshot& dumped) {
    follow(of(side), dumped, [](const Connection&) { return true; });
}

void TcpCopies::forget_ended(Side side, const std::set<uint16_t>& zones, const Snapshot& dumped) {
    follow(of(side), dumped, [&zones](const Connection& connection) { return zones.count(connection.zone) != 0; });
}

void TcpCopies::adopt(Side side, const Snapshot& dumped, bool seen) {
    for (const Entry& entry : dumped) {
        if (protocol_of(entry) != IPPROTO_TCP || of(side).count(entry.key)) {
            continue;
        }
        auto connection = from_entry(entry);
        if (connection && !is_closed(*connection)) {
            of(side).emplace(entry.key, TcpCopy{std::move(*connection), std::nullopt, seen});
        }
    }
}

size_t TcpCopies::unknown(Side side) const {
    const Map& copies = of(side);
    return static_cast<size_t>(std::count_if(copies.begin(), copies.end(), [](const auto& copy) { return !copy.second.known(); }));
}

std::vector<Connection> TcpCopies::list_unknown(Side side) const {
    std::vector<Connection> list;
    for (const auto& [key, copy] : of(side)) {
        if (!copy.known()) {
            list.push_back(copy.connection);
        }
    }
    return list;
}

}  // namespace hitless::state
