// The kind "user-routes": routes of userspace tunnels that somebody gave the switch itself (ovs/route/add). Those of the kernel, which
// it only has a copy of, are no part of it: datapath/routing_copy.h.
//
// Key: destination, packet mark, routing table. Value: bridge, gateway, source address.
#pragma once

#include "state/kind.h"

namespace hitless::state {

struct UserRoute {
    static constexpr uint32_t main_table = 254;   // the only one before Open vSwitch 3.7

    std::string destination;        // "10.1.0.0/16", "fd00::/8"
    uint32_t mark = 0;
    uint32_t table = main_table;
    std::string bridge;
    std::string gateway, source;    // empty: none

    bool operator==(const UserRoute&) const = default;
};

// Reads what `ovs/route/show` prints in Open vSwitch 2.17 to 3.7; a standard table of several is not named there. A route over next
// hops of the kernel's, which nothing can load, and what is not known of a route, is an Error.
Result<std::vector<UserRoute>> parse_user_routes(std::string_view text);

Entry to_entry(const UserRoute& route);
Result<UserRoute> to_user_route(const Entry& entry);

class UserRoutes : public Kind {
  public:
    std::string_view name() const override { return "user-routes"; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
    bool changed_by_packets() const override { return false; }
};

}  // namespace hitless::state
