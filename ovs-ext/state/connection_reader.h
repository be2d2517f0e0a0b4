// Reads the connections of an instance, in one request or zone by zone.
//
// A dump costs about 7 us a connection in the main thread of the instance, which forwards nothing meanwhile: 100,000 connections
// stall it for 0.7 s [measured]. A dump of one zone walks over all connections, which costs a thirtieth of that, but prints only
// those of the zone. So where there are many connections in several zones they are read zone by zone: longer in all, with
// pauses in which the instance forwards.
//
// No command tells which zones there are. They are known from earlier dumps and from who configures them (Hints); how many
// connections were missed with them is known (dpctl/ct-get-nconns), and if too many, all are read in one request.
#pragma once

#include <functional>
#include <set>

#include "instance/control.h"
#include "state/conntrack_types.h"

namespace hitless::state {

class ConnectionReader {
  public:
    using Hints = std::function<std::set<uint16_t>()>;   // zones that may be in use; asked once, when they are first needed
    using Each = std::function<void(const Connection&)>;

    // Fewer than these stall nobody for longer than 20 ms when they are read in one request.
    static constexpr size_t many = 3000;

    explicit ConnectionReader(Hints hints) : hints_(std::move(hints)) {}

    // Calls 'each' for every connection, at least once. A connection that begins or ends meanwhile may be missing.
    Status read(instance::Control& from, const Each& each);
    Status read_zone(instance::Control& from, uint16_t zone, const Each& each);

    // From now on the time of all requests together counts, and not that of one: packets wait.
    void hurry() { in_hurry_ = true; }

  private:
    Status read_all(instance::Control& from, const Each& each);
    Result<bool> slices_pay(instance::Control& from);

    Hints hints_;
    std::set<uint16_t> zones_;
    bool in_hurry_ = false;
};

}  // namespace hitless::state
