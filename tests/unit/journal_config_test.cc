#include "journal/config.h"

#include <gmock/gmock.h>

namespace hitless::journal {
namespace {

using testing::HasSubstr;

TEST(JournalConfig, AbsentKeysHaveTheirDefault) {
    auto config = parse_config({});
    ASSERT_TRUE(config);
    EXPECT_EQ(config->soak.length.count(), 5);
    EXPECT_EQ(config->soak.silence.count(), 300);
    EXPECT_EQ(config->soak.forwards_percent, 10u);
    EXPECT_EQ(config->soak.memory_megabytes, 1024u);
    EXPECT_EQ(config->hold_packets, 262144u);
    EXPECT_EQ(config->hold_megabytes, 1024u);
    EXPECT_FALSE(config->commit_when_full);
    EXPECT_EQ(config->hold_deadline.count(), 3000);
    EXPECT_EQ(config->start_limit.count(), 60);
    EXPECT_EQ(config->probation.count(), 2500);
    EXPECT_EQ(config->receive_buffer_bytes, 33554432u);
    EXPECT_EQ(config->history_max, 100u);
    EXPECT_EQ(config->releases_max, 5u);
    EXPECT_EQ(config->counters_megabytes, 100u);
    EXPECT_EQ(config->download_megabytes, 256u);
    EXPECT_EQ(config->download_time, std::chrono::seconds(600));
    EXPECT_FALSE(config->probe_idle_tcp);
}

TEST(JournalConfig, KeysAreTaken) {
    auto config = parse_config({{"soak-s", "0"}, {"soak-silence-ms", "0"}, {"soak-forwards-percent", "100"},
                                {"soak-memory-megabytes", "0"}, {"hold-packets", "8"}, {"hold-megabytes", "7"},
                                {"hold-full", "commit"}, {"hold-deadline-ms", "60000"}, {"start-s", "3600"}, {"probation-ms", "0"},
                                {"receive-buffer-bytes", "212992"}, {"history-max", "1"}, {"releases-max", "2"}, {"counters-megabytes", "0"},
                                {"probe-idle-tcp", "true"}, {"not-known", "x"}});
    ASSERT_TRUE(config);
    EXPECT_EQ(config->soak.length.count(), 0);
    EXPECT_EQ(config->soak.silence.count(), 0);
    EXPECT_EQ(config->soak.forwards_percent, 100u);
    EXPECT_EQ(config->soak.memory_megabytes, 0u);
    EXPECT_EQ(config->hold_packets, 8u);
    EXPECT_EQ(config->hold_megabytes, 7u);
    EXPECT_TRUE(config->commit_when_full);
    EXPECT_EQ(config->hold_deadline.count(), 60000);
    EXPECT_EQ(config->start_limit.count(), 3600);
    EXPECT_EQ(config->probation.count(), 0);
    EXPECT_EQ(config->receive_buffer_bytes, 212992u);
    EXPECT_EQ(config->history_max, 1u);
    EXPECT_EQ(config->releases_max, 2u);
    EXPECT_EQ(config->counters_megabytes, 0u);
    EXPECT_TRUE(config->probe_idle_tcp);
    EXPECT_FALSE(parse_config({{"probe-idle-tcp", "false"}})->probe_idle_tcp);
    EXPECT_THAT(parse_config({{"probe-idle-tcp", "yes"}}).error().message, HasSubstr("probe-idle-tcp: \"yes\" is neither true nor false"));
}

TEST(JournalConfig, AWordThatIsNotAllowedIsAnError) {
    auto config = parse_config({{"hold-full", "drop"}});
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message, HasSubstr("hold-full: \"drop\" is neither return nor commit"));
}

class BadValue : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadValue, IsAnErrorThatNamesKeyValueAndRange) {
    auto [key, value] = GetParam();
    auto config = parse_config({{key, value}});
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message, HasSubstr(key));
    EXPECT_THAT(config.error().message, HasSubstr("\"" + std::string(value) + "\""));
    EXPECT_THAT(config.error().message, HasSubstr(" from "));
}

INSTANTIATE_TEST_SUITE_P(JournalConfig, BadValue,
                         testing::Values(std::pair{"soak-s", "-1"}, std::pair{"soak-s", "5s"}, std::pair{"soak-s", ""},
                                         std::pair{"soak-silence-ms", "60001"}, std::pair{"soak-forwards-percent", "0"},
                                         std::pair{"soak-memory-megabytes", "1048577"}, std::pair{"hold-packets", "7"}, std::pair{"hold-packets", "1000001"},
                                         std::pair{"hold-megabytes", "0"},
                                         std::pair{"hold-deadline-ms", "99"}, std::pair{"start-s", "0"}, std::pair{"probation-ms", "60001"},
                                         std::pair{"receive-buffer-bytes", "99999999999999999999"},
                                         std::pair{"history-max", "0"}, std::pair{"download-s", "0"}, std::pair{"download-megabytes", "65537"}, std::pair{"releases-max", " 1"}));

}  // namespace
}  // namespace hitless::journal
