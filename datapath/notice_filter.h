// A filter for netlink sockets: what a process is told of network devices, but for those that Steering makes.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

namespace hitless::datapath {

// A classic BPF program that drops RTM_NEWLINK and RTM_DELLINK of devices whose name is 'prefix', "l" or "h", and a number
// (leg_name() and hold_name() of attached_port.h), and accepts all else.
std::vector<sock_filter> notice_filter(const std::string& prefix);

}  // namespace hitless::datapath
