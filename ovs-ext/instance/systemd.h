// Where systemd runs the host: who is its service, and how a switch outlives ours.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace hitless::instance {

// The service of which 'pid' is the main process.
std::optional<std::string> service_of(pid_t pid);

// The command 'argv', which starts a switch, such that the switch is none of our own service's processes: in a scope of systemd's, where
// we are a service; else 'argv' itself. Whoever masks, stops and kills the service would end the switch as well, and so would systemd, by
// ending the service, where one of the two has taken too much memory.
std::vector<std::string> in_own_scope(const std::vector<std::string>& argv);

}  // namespace hitless::instance
