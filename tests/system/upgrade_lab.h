// For upgrade_*_test.cc: a stock Open vSwitch with its userspace datapath, and ovs-hitlessd beside it, in the namespaces of the test
// program (tests/in-namespaces). One at a time: it sets the environment by which all of Open vSwitch finds its directories.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/process.h"
#include "eventually.h"

namespace hitless::test {

using Command = std::vector<std::string>;

class UpgradeLab {
  public:
    UpgradeLab() {
        std::string pattern = ::testing::TempDir() + "/upXXXXXX";
        directory_ = ::mkdtemp(pattern.data()) ? pattern : throw std::runtime_error("no temporary directory");
        for (const char* name : {"run", "etc", "log", "sbin", "new", "state"}) {
            std::filesystem::create_directory(directory_ / name);
        }
        for (const char* name : {"sbin", "new"}) {
            std::filesystem::copy_file("/usr/lib/openvswitch-switch/ovs-vswitchd", directory_ / name / "ovs-vswitchd");
        }
        for (const auto& [variable, name] : {std::pair{"OVS_RUNDIR", "run"}, {"OVS_DBDIR", "etc"}, {"OVS_SYSCONFDIR", "etc"},
                                             {"OVS_LOGDIR", "log"}}) {
            ::setenv(variable, path(name).c_str(), 1);
        }
        run({"ovsdb-tool", "create", path("etc/conf.db"), "/usr/share/openvswitch/vswitch.ovsschema"});
        run({"ovsdb-server", "--no-chdir", "--pidfile", "--detach", "--log-file", "--remote=punix:" + path("run/db.sock"),
             path("etc/conf.db")});
        run({"ovs-vsctl", "--no-wait", "init"});
        run({path("sbin/ovs-vswitchd"), "--no-chdir", "--pidfile", "--detach", "--log-file", "unix:" + path("run/db.sock")});
        run({HITLESSD, "--no-chdir", "--detach", "--pidfile", "--log-file", "-vconsole:off", "--state-dir=" + path("state"),
             std::string("--schema=") + HITLESS_SCHEMA});
    }
    ~UpgradeLab() {
        if (::testing::Test::HasFailure()) {
            std::ifstream log(path("log/ovs-hitlessd.log"));
            std::cerr << log.rdbuf() << run({"ovs-appctl", "-t", "ovs-hitlessd", "hitless/history", "9"});
        }
        // This program's process namespace ends the rest.
        for (const char* pidfile : {"run/ovs-hitlessd.pid", "run/hitless/b/ovs-vswitchd.pid", "run/hitless/b/ovsdb-server.pid",
                                    "run/ovs-vswitchd.pid", "run/ovsdb-server.pid"}) {
            end(pidfile);
        }
        for (const char* mount : {"run/hitless/bpf", "run/hitless/netns-b"}) {   // where the daemon was killed with a stand-by
            (void) ::umount2(path(mount).c_str(), MNT_DETACH);
        }
        std::error_code error;
        std::filesystem::remove_all(directory_, error);
    }
    UpgradeLab(const UpgradeLab&) = delete;

    std::string path(const std::string& name) const { return (directory_ / name).string(); }

    ProgramOutput try_run(const Command& command) const {
        auto output = run_program(command);
        return output ? *output : ProgramOutput{-1, "", output.error().message};
    }
    std::string run(const Command& command) const {
        auto output = try_run(command);
        EXPECT_EQ(output.exit_status, 0) << command[0] << " " << command.back() << ": " << output.standard_error;
        return output.standard_output;
    }
    std::string vsctl(Command arguments) const { return run(with({"ovs-vsctl", "-t10"}, std::move(arguments))); }
    // The same on B's database.
    std::string b_vsctl(Command arguments) const {
        return run(with({"ovs-vsctl", "-t10", "--no-wait", "--db=unix:" + path("run/hitless/b/db.sock")}, std::move(arguments)));
    }
    std::string ofctl(Command arguments) const { return run(with({"ovs-ofctl", "-t10"}, std::move(arguments))); }
    std::string hitless(Command arguments) const { return run(with({"ovs-appctl", "-t", "ovs-hitlessd"}, std::move(arguments))); }

    Result<Process> process(const std::string& pidfile) const { return Process::from_pidfile(path(pidfile)); }
    pid_t a_pid() const { return process("run/ovs-vswitchd.pid")->pid(); }
    void end(const std::string& pidfile) const {
        if (auto process = this->process(pidfile)) {
            (void) process->signal(SIGKILL).ok();
            (void) process->signal(SIGCONT).ok();
            EXPECT_TRUE(process->wait_end(std::chrono::seconds(10)));
        }
    }

    // Flows of the active instance with this cookie.
    size_t flows(const std::string& bridge, const std::string& cookie) const {
        auto text = ofctl({"dump-flows", bridge, "cookie=" + cookie + "/-1"});
        return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) - 1;
    }
    std::string state() const { return hitless({"hitless/status"}); }

  private:
    static Command with(Command command, Command arguments) {
        command.insert(command.end(), arguments.begin(), arguments.end());
        return command;
    }
    std::filesystem::path directory_;
};

}  // namespace hitless::test
