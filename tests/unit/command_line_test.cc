#include "instance/command_line.h"

#include <gtest/gtest.h>

namespace hitless::instance {
namespace {

TEST(CommandLine, OfDebiansService) {
    auto line = parse_command_line({"ovs-vswitchd", "unix:/var/run/openvswitch/db.sock", "-vconsole:emer",
                                    "-vsyslog:err", "-vfile:info", "--mlockall", "--no-chdir",
                                    "--log-file=/var/log/openvswitch/ovs-vswitchd.log",
                                    "--pidfile=/var/run/openvswitch/ovs-vswitchd.pid", "--detach"},
                                   "/var/run/openvswitch");
    EXPECT_EQ(line.database, "unix:/var/run/openvswitch/db.sock");
    EXPECT_EQ(line.pidfile, "/var/run/openvswitch/ovs-vswitchd.pid");
    EXPECT_EQ(line.unixctl, "");
    EXPECT_TRUE(line.detach);
    EXPECT_EQ(line.switch_options, std::vector<std::string>{"--mlockall"});
}

TEST(CommandLine, DefaultsComeFromTheRunDirectory) {
    auto line = parse_command_line({"ovs-vswitchd", "--pidfile"}, "/r");
    EXPECT_EQ(line.database, "unix:/r/db.sock");
    EXPECT_EQ(line.pidfile, "/r/ovs-vswitchd.pid");
    EXPECT_FALSE(line.detach);
}

TEST(CommandLine, SeparateValuesAreNotTakenForTheDatabase) {
    auto line = parse_command_line({"ovs-vswitchd", "--unixctl", "x.ctl", "--user", "ovs:ovs",
                                    "--enable-dummy=override", "tcp:1.2.3.4:6640"},
                                   "/r");
    EXPECT_EQ(line.database, "tcp:1.2.3.4:6640");
    EXPECT_EQ(line.unixctl, "/r/x.ctl");
    EXPECT_EQ(line.switch_options, std::vector<std::string>{"--enable-dummy=override"});
}

}  // namespace
}  // namespace hitless::instance
