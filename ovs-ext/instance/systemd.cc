#include "instance/systemd.h"

#include <unistd.h>

#include <fstream>

#include "base/process.h"

namespace hitless::instance {
namespace {

// "ovs-vswitchd.service" of a line "0::/system.slice/ovs-vswitchd.service" of /proc/PID/cgroup (cgroup v2, or v1's name=systemd).
std::optional<std::string> service_in_cgroups(std::istream& cgroups) {
    for (std::string line; std::getline(cgroups, line);) {
        bool of_systemd = line.starts_with("0::") || line.find(":name=systemd:") != std::string::npos;
        if (of_systemd && line.ends_with(".service")) {
            return line.substr(line.rfind('/') + 1);
        }
    }
    return std::nullopt;
}

}  // namespace

// A process may also be deep in the group of some other service, such as that of the shell it was started from.
std::optional<std::string> service_of(pid_t pid) {
    std::ifstream cgroups("/proc/" + std::to_string(pid) + "/cgroup");
    auto service = service_in_cgroups(cgroups);
    if (!service) {
        return std::nullopt;
    }
    auto main_pid = run_checked({"systemctl", "show", "--property=MainPID", "--value", *service});
    return main_pid && *main_pid == std::to_string(pid) + "\n" ? service : std::nullopt;
}

std::vector<std::string> in_own_scope(const std::vector<std::string>& argv) {
    if (!service_of(::getpid())) {
        return argv;
    }
    // With no dependencies: at a shutdown, too, it is there for as long as we have something to bring to its end.
    std::vector<std::string> command = {"systemd-run", "--scope", "--quiet", "--collect", "--property=DefaultDependencies=no",
                                        "--description=Open vSwitch, started by ovs-hitlessd", "--"};
    command.insert(command.end(), argv.begin(), argv.end());
    return command;
}

}  // namespace hitless::instance
