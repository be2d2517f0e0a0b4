// Tunnels of the userspace datapath on B: whether it takes what A takes for tunnel packets.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "upgrade/pair.h"

namespace hitless::upgrade {

// Where an instance listens for tunnel packets: "MAC ADDRESS [PORT]", one for each line that `ovs-appctl tnl/ports/show -v` prints in
// Open vSwitch 2.17 to 3.7.
std::set<std::string> tunnel_endpoints(std::string_view tnl_ports);

// Gives B's namespace the addresses and routes of the operator's taps, and follows them as long as pair.routing is there.
Status follow_routing(Pair& pair, const Places& places);

// Waits until B listens wherever A does on the pair's taps. B learns of the addresses and routes that it was given
// (datapath/routing_copy.h) by itself. Error, naming an endpoint, when it does not: tunnel packets would be lost.
Status wait_for_tunnels(Pair& pair);

}  // namespace hitless::upgrade
