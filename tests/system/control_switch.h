// For control_*_test.cc: a stock ovs-vswitchd with dummy devices and a database of its own, in a directory of its own.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "eventually.h"

namespace hitless::test {

class Directory {
  public:
    Directory() {
        std::string pattern = ::testing::TempDir() + "/ctlXXXXXX";
        path_ = ::mkdtemp(pattern.data()) ? pattern : throw std::runtime_error("no temporary directory");
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

class StockSwitch {
  public:
    explicit StockSwitch(std::optional<std::string> network_namespace = {}) : namespace_(std::move(network_namespace)) {
        run({"ovsdb-tool", "create", path("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema"});
        run({"ovsdb-server", "--no-chdir", "--pidfile", "--detach", "--log-file=" + path("ovsdb-server.log"),
             "--remote=punix:" + path("db.sock"), path("conf.db")});
        vsctl({"--no-wait", "init"});
        start();
    }
    ~StockSwitch() {
        end("ovs-vswitchd.pid", SIGKILL);
        end("ovsdb-server.pid", SIGKILL);
    }

    std::string path(const std::string& file) const { return directory_.path() + "/" + file; }
    const std::string& rundir() const { return directory_.path(); }
    std::string ctl() const { return path("ovs-vswitchd." + std::to_string(process()->pid()) + ".ctl"); }

    // Runs a program with this switch's run directory, in its namespace.
    ProgramOutput try_run(const std::vector<std::string>& argv) const {
        ProgramOptions options;
        options.environment = {{"OVS_RUNDIR", rundir()}, {"OVS_DBDIR", rundir()}, {"OVS_LOGDIR", rundir()}};
        options.network_namespace = namespace_;
        auto output = run_program(argv, options);
        return output ? *output : ProgramOutput{-1, "", output.error().message};
    }
    std::string run(const std::vector<std::string>& argv) const {
        auto output = try_run(argv);
        EXPECT_EQ(output.exit_status, 0) << argv[0] << ": " << output.standard_error;
        return output.standard_output;
    }
    std::string vsctl(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"ovs-vsctl", "-t10"});
        return run(arguments);
    }
    std::string appctl(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"ovs-appctl", "-T10"});
        return run(arguments);
    }
    std::string ofctl(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"ovs-ofctl", "-t10"});
        return run(arguments);
    }

    ProgramOutput try_start() const {
        return try_run({"ovs-vswitchd", "--no-chdir", "--pidfile", "--detach", "--log-file=" + path("ovs-vswitchd.log"),
                        "--enable-dummy=override", "--disable-system", "unix:" + path("db.sock")});
    }
    void start() const {
        auto output = try_start();
        ASSERT_EQ(output.exit_status, 0) << output.standard_error;
    }
    Result<Process> process() const { return Process::from_pidfile(path("ovs-vswitchd.pid")); }
    void end(const std::string& pidfile, int signal) const {
        if (auto process = Process::from_pidfile(path(pidfile))) {
            (void)process->signal(signal);
            EXPECT_TRUE(process->wait_end(std::chrono::seconds(10)));
        }
    }

    // A bridge, secure, with this datapath id and five flows.
    void add_bridge(const std::string& name, const std::string& datapath_id) const {
        vsctl({"add-br", name, "--", "set", "bridge", name, "fail_mode=secure", "other_config:datapath-id=" + datapath_id});
        for (int i = 0; i < 5; i++) {
            ofctl({"add-flow", name, "table=" + std::to_string(i) + ",priority=7,ip,actions=drop"});
        }
    }
    size_t flows(const std::string& name) const {
        auto text = ofctl({"dump-flows", name});
        size_t count = 0;
        for (size_t at = 0; (at = text.find("priority=7", at)) != std::string::npos; at++) {
            count++;
        }
        return count;
    }
    bool connected(const std::string& target) const {
        auto text = vsctl({"--bare", "--columns=is_connected", "find", "controller", "target=\"" + target + "\""});
        return text.find("true") != std::string::npos && text.find("false") == std::string::npos;
    }

  private:
    Directory directory_;
    std::optional<std::string> namespace_;
};

}  // namespace hitless::test
