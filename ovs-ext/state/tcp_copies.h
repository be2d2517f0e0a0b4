// TCP connections of both instances and the sequence numbers for which their windows were made. Outlives a copy, as the instances'
// connections do.
//
// A connection that an instance has by itself, from its own packets, has the windows of those packets. It is adopted as "seen":
// nothing is to be learnt, but when the other instance has had its packets meanwhile, its windows must follow.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/side.h"
#include "state/conntrack_recipe.h"
#include "state/kind.h"

namespace hitless::state {

struct TcpCopy {
    Connection connection;
    std::optional<TcpNumbers> numbers;   // those it was made with
    bool seen = false;                   // its windows are those of its own packets; 'numbers' may be none all the same

    bool known() const { return numbers || seen; }
};

class TcpCopies {
  public:
    using Map = std::unordered_map<std::string, TcpCopy>;   // by key_of()

    Map& of(Side side) { return copies_[side == Side::A ? 0 : 1]; }
    const Map& of(Side side) const { return copies_[side == Side::A ? 0 : 1]; }

    // Forgets those of 'side' that 'dumped' has no more, or only as ended.
    void forget_ended(Side side, const Snapshot& dumped);
    // The same for connections of 'zones' alone, of which 'dumped' is all.
    void forget_ended(Side side, const std::set<uint16_t>& zones, const Snapshot& dumped);

    // Takes up the live TCP connections of 'dumped' that are not here: as seen, or as such of which nothing is known.
    void adopt(Side side, const Snapshot& dumped, bool seen = true);

    // Connections whose numbers are not known, so that their real packets may be outside their windows.
    size_t unknown(Side side) const;
    std::vector<Connection> list_unknown(Side side) const;

    void clear(Side side) { of(side).clear(); }

  private:
    Map copies_[2];
};

}  // namespace hitless::state
