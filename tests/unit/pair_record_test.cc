#include "upgrade/pair_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace hitless::upgrade {
namespace {

using testing::HasSubstr;

class PairRecordTest : public ::testing::Test {
  protected:
    PairRecordTest() {
        std::string pattern = ::testing::TempDir() + "/recordXXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }
    ~PairRecordTest() override { std::filesystem::remove_all(directory_); }
    std::filesystem::path file(const char* name) const { return directory_ / name; }

  private:
    std::filesystem::path directory_;
};

TEST_F(PairRecordTest, IsReadAsItWasWritten) {
    PairRecord record;
    record.a = {17, "/sbin/ovs-vswitchd", {"ovs-vswitchd", "unix:/run/db.sock", "a b\nc"}, {{"PATH", "/bin"}}, {-10, {0, 3}},
                "ovs.service"};
    record.release.version = "3.2.1";
    record.release.vswitchd = "/new/ovs-vswitchd";
    record.release.schema = "/new/vswitch.ovsschema";
    record.controllers = {{"br0", {{"tcp:127.0.0.1", "out-of-band", {}}}, "standalone", {{"key", "value"}}}};
    record.settings = {{"/proc/sys/b", "1"}, {"/proc/sys/a", "0"}};
    record.receive_buffer_bytes = 212992;
    record.old_binary = "/var/lib/old";
    record.own_taps = {"int1"};
    record.checks_sequences = true;
    record.daemon = 4;
    record.request.soak = std::chrono::seconds(0);
    record.request.keep_standby = true;
    ASSERT_TRUE(record.save(file("pair")).ok());
    struct stat status;
    ASSERT_EQ(::stat(file("pair").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600u);

    auto read = PairRecord::load(file("pair"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->a.pid, 17);
    EXPECT_EQ(read->a.executable, record.a.executable);
    EXPECT_EQ(read->a.argv, record.a.argv);
    EXPECT_EQ(read->a.environment, record.a.environment);
    EXPECT_EQ(read->a.service, record.a.service);
    EXPECT_TRUE(read->checks_sequences);
    EXPECT_EQ(read->a.scheduling, record.a.scheduling);
    EXPECT_EQ(read->release.version, "3.2.1");
    EXPECT_EQ(read->release.schema, record.release.schema);
    EXPECT_FALSE(read->release.ovsdb_server);
    ASSERT_EQ(read->controllers.size(), 1u);
    EXPECT_EQ(read->controllers[0].name, "br0");
    EXPECT_EQ(read->controllers[0].fail_mode, "standalone");
    EXPECT_EQ(read->controllers[0].other_config, record.controllers[0].other_config);
    EXPECT_EQ(read->controllers[0].controllers[0].target, "tcp:127.0.0.1");
    EXPECT_EQ(read->controllers[0].controllers[0].connection_mode, "out-of-band");
    EXPECT_EQ(read->settings, record.settings);
    EXPECT_EQ(read->receive_buffer_bytes, 212992);
    EXPECT_EQ(read->old_binary, record.old_binary);
    EXPECT_EQ(read->own_taps, record.own_taps);
    EXPECT_EQ(read->daemon, 4);
    EXPECT_EQ(read->request.soak, std::chrono::seconds(0));
    EXPECT_FALSE(read->request.sha256);
    EXPECT_TRUE(read->request.keep_standby);
}

TEST_F(PairRecordTest, WhatIsNoRecordIsAnError) {
    EXPECT_FALSE(PairRecord::load(file("none")));
    for (const auto& [text, why] : {std::pair{"", "not readable"}, {"{\"version\": 1", "not readable"}, {"[1]", "not readable"},
                                    {"{}", "another version"}, {"{\"version\": 2}", "another version"},
                                    {"{\"version\": 1, \"daemon\": {\"a\": 1}}", "not readable"},
                                    {"{\"version\": 1, \"a\": {\"environment\": 7}}", "not readable"}}) {
        std::ofstream(file("pair")) << text;
        auto read = PairRecord::load(file("pair"));
        ASSERT_FALSE(read) << text;
        EXPECT_THAT(read.error().message, HasSubstr(why)) << text;
    }
}

TEST_F(PairRecordTest, WhatOthersMayHaveWrittenIsRefused) {
    ASSERT_TRUE(PairRecord().save(file("pair")).ok());
    ASSERT_TRUE(PairRecord::load(file("pair")));
    ::chmod(file("pair").c_str(), 0622);
    EXPECT_THAT(PairRecord::load(file("pair")).error().message, HasSubstr("refused"));
    std::filesystem::create_symlink(file("pair"), file("link"));
    EXPECT_FALSE(PairRecord::load(file("link")));
}

TEST_F(PairRecordTest, FlowsAreBytes) {
    state::Snapshot flows = {{std::string("br0\0\n 1 2", 9), std::string("\xff\0\n", 3)}, {"", ""}, {"3 4\n", "5"}};
    ASSERT_TRUE(save_flows(file("flows"), flows).ok());
    auto read = load_flows(file("flows"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, flows);
    EXPECT_TRUE(load_flows(file("none"))->empty());
}

TEST_F(PairRecordTest, DamagedFlowsAreAnError) {
    for (const char* text : {"", "hitless flows 2\n", "hitless flows 1\n9 9\nabc", "hitless flows 1\n99999999999 1\nabc"}) {
        std::ofstream(file("flows")) << text;
        EXPECT_FALSE(load_flows(file("flows"))) << text;
    }
}

}  // namespace
}  // namespace hitless::upgrade
