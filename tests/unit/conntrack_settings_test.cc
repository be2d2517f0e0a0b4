#include "state/conntrack_settings.h"

#include <gmock/gmock.h>

#include "fake_switch.h"
#include "state/conntrack_parser.h"
#include "state/conntrack_settings_parser.h"

namespace hitless::state {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ConntrackSettingsParser, ReadsLimitsOfAllVersions) {
    auto limits = parse_conntrack_limits("default limit=10\nzone=9,limit=0,count=3\nzone=10,limit=5,count=0\n");
    ASSERT_TRUE(limits.ok());
    EXPECT_THAT(*limits, ElementsAre(Entry{"limit default", "10"}, Entry{"limit zone 10", "5"}, Entry{"limit zone 9", "0"}));
    for (std::string none : {"", "default limit=0", "default limit=unlimited\n", "default limit=4294967295"}) {
        EXPECT_THAT(*parse_conntrack_limits(none), IsEmpty()) << none;
    }
    // In the place of a default.
    EXPECT_THAT(*parse_conntrack_limits("zone=1,limit=unlimited,count=0"), ElementsAre(Entry{"limit zone 1", "4294967295"}));
}

TEST(ConntrackSettingsParser, RefusesLimitsThatItDoesNotUnderstand) {
    for (std::string text : {"default limit=x", "zone=65536,limit=1", "zone=1", "limit=1", "zone=1,limit=-1", "conntrack is off"}) {
        EXPECT_FALSE(parse_conntrack_limits(text).ok()) << text;
    }
}

TEST(ConntrackSettingsParser, ReadsTheSweepIntervalUnlessItIsTheDefault) {
    EXPECT_THAT(*parse_sweep_interval("20000 ms\n"), IsEmpty());
    EXPECT_THAT(*parse_sweep_interval("Sweep interval: 5000 ms"), ElementsAre(Entry{"sweep-interval", "5000"}));
    EXPECT_FALSE(parse_sweep_interval("none\n").ok());
    EXPECT_FALSE(parse_sweep_interval("99999999999").ok());
}

TEST(ConntrackSettingsParser, ReadsFragmentSettingsAndNoCounters) {
    auto settings = parse_ipf_status("        Fragmentation Module Status\n        ---------------------------\n        v4 enabled: 1\n"
                                     "        v6 enabled: 0\n        max num frags (v4/v6): 1000\n        num frag: 3\n"
                                     "        min v4 frag size: 1200\n        v4 frags accepted: 18446744073709551615\n"
                                     "        min v6 frag size: 1280\n        something new: yes\n");
    ASSERT_TRUE(settings.ok()) << settings.error().message;
    EXPECT_THAT(*settings, ElementsAre(Entry{"fragments max", "1000"}, Entry{"fragments v4", "enabled"}, Entry{"fragments v4 min", "1200"},
                                       Entry{"fragments v6", "disabled"}, Entry{"fragments v6 min", "1280"}));
    EXPECT_FALSE(parse_ipf_status("v4 enabled: 1\n").ok());
    EXPECT_FALSE(parse_ipf_status("v4 enabled: perhaps\n").ok());
}

const std::string get_limits = "dpctl/ct-get-limits";

TEST(ZoneLimits, AreReadAgainOnlyAfterACommandAndPerInstance) {
    FakeSwitch a({{get_limits, "zone=1,limit=5,count=0"}}), b({{get_limits, ""}});
    auto control_of_a = a.control(Side::A), control_of_b = b.control(Side::B);
    ZoneLimits limits;
    const Snapshot five = {{"limit zone 1", "5"}}, six = {{"limit zone 1", "6"}};
    EXPECT_EQ(*limits.read(control_of_a, 7), five);
    EXPECT_THAT(*limits.read(control_of_b, 7), IsEmpty());
    a.change(get_limits, "zone=1,limit=6,count=0");
    EXPECT_EQ(*limits.read(control_of_a, 7), five);
    EXPECT_EQ(a.asked().size(), 1u);
    EXPECT_EQ(*limits.read(control_of_a, 8), six);

    a.change(get_limits, "zone=1,limit=5,count=0");
    limits.forget(Side::B);
    EXPECT_EQ(*limits.read(control_of_a, 8), six);
    limits.forget(Side::A);
    EXPECT_EQ(*limits.read(control_of_a, 8), five);

    a.change(get_limits, FakeSwitch::refusal + std::string("no"));
    EXPECT_FALSE(limits.read(control_of_a, 9).ok());
    EXPECT_FALSE(limits.read(control_of_a, 8).ok());
}

TEST(ZoneLimits, AreReadEachTimeWhereCommandsAreNotAllThatChangesThem) {
    FakeSwitch a({{get_limits, ""}});
    auto control = a.control();
    ZoneLimits limits;
    for (size_t n = 1; n < 3; n++) {
        EXPECT_TRUE(limits.read(control, std::nullopt).ok());
        EXPECT_EQ(a.asked().size(), n);
    }
}

TEST(ConntrackSettings, ReadsLimitsAgainAfterItHasLoadedSome) {
    FakeSwitch b({{get_limits, ""},
                  {"dpctl/ct-set-limits zone=1,limit=5", ""},
                  {"dpctl/ipf-get-status", "v4 enabled: 1\nv6 enabled: 1\nmax num frags (v4/v6): 1000\nmin v4 frag size: 1200\n"
                                           "min v6 frag size: 1280\n"},
                  {"dpctl/ct-get-maxconns", "3000000"},
                  {"dpctl/ct-get-tcp-seq-chk", "TCP sequence checking: enabled"}});
    auto control = b.control();
    ConntrackSettings settings(std::make_shared<SequenceCheck>(), {}, [] { return uint64_t{1}; });
    auto asked = [&] { return std::ranges::count(b.asked(), get_limits); };
    ASSERT_TRUE(settings.dump(control).ok());
    ASSERT_TRUE(settings.dump(control).ok());
    EXPECT_EQ(asked(), 1);
    Changes changes;
    changes.add = {{"limit zone 1", "5"}};
    ASSERT_TRUE(settings.load(control, changes).ok());
    ASSERT_TRUE(settings.dump(control).ok());
    EXPECT_EQ(asked(), 2);
}

TEST(ConntrackParser, ReadsTheNumberOfConnections) {
    EXPECT_EQ(*parse_connection_count("42\n"), 42u);
    EXPECT_FALSE(parse_connection_count("").ok());
}

}  // namespace
}  // namespace hitless::state
