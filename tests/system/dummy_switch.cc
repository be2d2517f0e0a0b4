#include "dummy_switch.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace hitless::test {

DummySwitch::DummySwitch(const std::vector<std::string>& bridges) : bridges_(bridges) {
    const char* parent = std::getenv("TEST_TMPDIR");
    directory_ = std::string(parent ? parent : "/tmp") + "/dummy.XXXXXX";
    if (!mkdtemp(directory_.data())) {
        throw std::runtime_error("cannot make " + directory_);
    }
    const std::string database = directory_ + "/conf.db", socket = "unix:" + directory_ + "/db.sock";
    try {
        run({"ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema"});
        run({"ovsdb-server", database, "--remote=p" + socket, "--detach", "--no-chdir", "--pidfile",
             "--log-file=" + directory_ + "/ovsdb-server.log", "-vconsole:off"});
        run({"ovs-vsctl", "--no-wait", "--db=" + socket, "init"});
        run({"ovs-vswitchd", socket, "--enable-dummy=override", "--disable-system", "--detach", "--no-chdir", "--pidfile",
             "--log-file=" + directory_ + "/ovs-vswitchd.log", "-vconsole:off"});
        auto process = Process::from_pidfile(directory_ + "/ovs-vswitchd.pid");
        if (!process) {
            throw std::runtime_error(process.error().message);
        }
        pid_ = process->pid();
        for (const std::string& bridge : bridges_) {
            std::vector<std::string> command{"ovs-vsctl", "--db=" + socket, "--timeout=30", "add-br", bridge, "--", "set",
                                             "bridge", bridge, "datapath_type=dummy", "fail_mode=secure"};
            for (std::string port : {"1", "2", "3", "4"}) {
                std::string name = bridge + "p" + port;
                for (const std::string& word : {std::string("--"), std::string("add-port"), bridge, name, std::string("--"),
                                                std::string("set"), std::string("interface"), name,
                                                std::string("type=dummy"), "ofport_request=" + port}) {
                    command.push_back(word);
                }
            }
            run(command);
        }
    } catch (...) {
        end("ovs-vswitchd");
        end("ovsdb-server");
        std::filesystem::remove_all(directory_);
        throw;
    }
}

DummySwitch::~DummySwitch() {
    end("ovs-vswitchd");
    end("ovsdb-server");
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void DummySwitch::end(const std::string& daemon) const noexcept {
    if (auto process = Process::from_pidfile(directory_ + "/" + daemon + ".pid"); process) {
        (void) process->signal(SIGKILL);
        (void) process->wait_end(std::chrono::seconds(5));
    }
}

instance::ControlPaths DummySwitch::control_paths() const {
    instance::ControlPaths paths;
    paths.unixctl = directory_ + "/ovs-vswitchd." + std::to_string(pid_) + ".ctl";
    for (const std::string& bridge : bridges_) {
        paths.mgmt[bridge] = mgmt(bridge);
    }
    return paths;
}

std::string DummySwitch::ofctl(const std::string& command, const std::string& bridge,
                               const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv{"ovs-ofctl", "-OOpenFlow15", "--bundle"};
    if (command.find("flow") == std::string::npos) {
        argv.pop_back();
    }
    argv.insert(argv.end(), {command, "unix:" + mgmt(bridge)});
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run(argv);
}

std::string DummySwitch::appctl(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv{"ovs-appctl", "-t", control_paths().unixctl};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run(argv);
}

std::string DummySwitch::vsctl(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv{"ovs-vsctl", "--db=unix:" + directory_ + "/db.sock", "--timeout=30"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run(argv);
}

std::string DummySwitch::run(std::vector<std::string> argv) const {
    ProgramOptions options;
    for (const char* name : {"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"}) {
        options.environment[name] = directory_;
    }
    options.limit = std::chrono::seconds(60);
    options.output_limit_bytes = 1 << 30;
    auto output = run_checked(argv, options);
    if (!output) {
        throw std::runtime_error(output.error().message);
    }
    return *output;
}

}  // namespace hitless::test
