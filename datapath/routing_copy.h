// The addresses and routes of the operator's taps (LOCAL and other internal ports), copied to B's taps of the same names.
//
// Userspace tunnels (VXLAN, Geneve, GRE...) need them: ovs-vswitchd takes a packet for a tunnel's only when it is for an address
// of one of its devices, and finds the way to a tunnel's other end in the routing table of its own namespace. That B's network stack
// neither answers nor sends with these addresses is the work of b_in, b_out and stitch (datapath/bpf/steer.bpf.c).
//
// Copied are the addresses, the MAC address, and the unicast routes of all tables that leave by the tap: ovs-vswitchd takes those of
// any table for its own, whatever the rules say (route_table_parse() in lib/route-table.c in OVS 3.1 does not look at the table), and
// where tables differ on a destination the one that the kernel lists last, which is the same in both namespaces. Not copied: routes
// over several gateways, and rules (ip rule); ovs-vswitchd does not use them either.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace hitless::datapath {

class RoutingCopy {
  public:
    // Makes B's namespace (an open file of it) like the calling thread's, and follows all changes in a thread of its own: which taps
    // there are on both sides, their addresses and routes. 'problem' is called on that thread with what cannot be copied, once.
    static Result<std::unique_ptr<RoutingCopy>> start(int b_namespace, std::function<void(const std::string&)> problem);

    // Ends the following. What was copied stays; it goes with B's namespace.
    ~RoutingCopy();
    RoutingCopy(const RoutingCopy&) = delete;

  private:
    class Worker;
    explicit RoutingCopy(std::unique_ptr<Worker> worker);
    std::unique_ptr<Worker> worker_;
};

}  // namespace hitless::datapath
