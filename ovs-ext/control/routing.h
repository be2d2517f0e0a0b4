// Which of the two servers behind the front a control command is for, and what the front makes of their lists of commands.
// Pure logic, for front.cc.
#pragma once

#include <string>
#include <string_view>

namespace hitless::control {

enum class Route {
    Active,   // the active instance
    Daemon,   // this daemon
    Both,     // both, and the answers are merged
};

// Commands in the folder "hitless/" are the daemon's, "list-commands" is answered by both, and everything else is the
// switch's: "version", "exit" and "vlog/set" sent to ovs-vswitchd mean ovs-vswitchd.
Route route(std::string_view method);

// The switch's answer to "list-commands" with the daemon's hitless/ commands sorted in, in the form in which lib/unixctl.c
// prints it. The daemon's other commands are left out: route() never sends them there.
std::string merge_command_lists(std::string_view of_switch, std::string_view of_daemon);

}  // namespace hitless::control
