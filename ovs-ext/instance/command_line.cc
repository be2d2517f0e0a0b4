#include "instance/command_line.h"

#include <set>
#include <string_view>

namespace hitless::instance {
namespace {

// Options of ovs-vswitchd(8) that take a value in the next argument when it is not joined by '='.
const std::set<std::string_view> kWithValue = {
    "--unixctl", "--syslog-method", "--syslog-target", "--user", "--private-key", "--certificate", "--ca-cert",
    "--bootstrap-ca-cert", "--peer-ca-cert", "--ssl-protocols", "--ssl-ciphers", "--dpdk-socket"};

// What belongs to one process alone, not to the way of forwarding.
const std::set<std::string_view> kOwn = {
    "--unixctl", "--pidfile", "--log-file", "--syslog-method", "--syslog-target", "--detach",
    "--monitor", "--no-chdir", "--overwrite-pidfile", "--user", "--verbose",
    "--private-key", "--certificate", "--ca-cert", "--bootstrap-ca-cert", "--peer-ca-cert"};

std::string absolute(const std::string& path, const std::string& directory) {
    return path.starts_with('/') ? path : directory + "/" + path;
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& argv, const std::string& rundir) {
    CommandLine line;
    line.database = "unix:" + rundir + "/db.sock";
    line.pidfile = rundir + "/ovs-vswitchd.pid";
    for (size_t i = 1; i < argv.size(); i++) {
        const std::string& argument = argv[i];
        if (!argument.starts_with('-') || argument == "-") {
            line.database = argument;
            continue;
        }
        if (!argument.starts_with("--")) {
            continue;   // -v..., -h, -V: logging alone
        }
        auto equals = argument.find('=');
        std::string name = argument.substr(0, equals);
        std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
        std::vector<std::string> whole = {argument};
        if (equals == std::string::npos && kWithValue.contains(name) && i + 1 < argv.size()) {
            value = argv[++i];
            whole.push_back(value);
        }
        if (name == "--pidfile" && !value.empty()) {
            line.pidfile = absolute(value, rundir);
        } else if (name == "--unixctl") {
            line.unixctl = value == "none" ? value : absolute(value, rundir);
        } else if (name == "--detach") {
            line.detach = true;
        }
        if (!kOwn.contains(name)) {
            line.switch_options.insert(line.switch_options.end(), whole.begin(), whole.end());
        }
    }
    return line;
}

}  // namespace hitless::instance
