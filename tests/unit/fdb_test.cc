#include "state/fdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_switch.h"

namespace hitless::state {
namespace {

using testing::HasSubstr;

constexpr std::string_view shown = " port  VLAN  MAC                Age\n"
                                   "    1     0  50:54:00:00:00:01    3\n"
                                   "LOCAL    20  50:54:00:00:00:02    0\n"
                                   "65279  4094  50:54:00:00:00:03  static\n";

TEST(Fdb, ReadsDynamicLocalAndStaticEntries) {
    auto entries = parse_fdb("br0", shown);
    ASSERT_TRUE(entries.ok()) << entries.error().message;
    EXPECT_EQ(*entries, (std::vector<MacEntry>{{"br0", 0, {0x50, 0x54, 0, 0, 0, 1}, 1, false},
                                               {"br0", 20, {0x50, 0x54, 0, 0, 0, 2}, 0xfffffffe, false},
                                               {"br0", 4094, {0x50, 0x54, 0, 0, 0, 3}, 65279, true}}));
    EXPECT_TRUE(parse_fdb("br0", " port  VLAN  MAC                Age\n")->empty());
}

TEST(Fdb, RefusesWhatItDoesNotUnderstandAndNamesIt) {
    for (std::string_view line : {"1 0 50:54:00:00:00:01", "1 x 50:54:00:00:00:01 3", "1 0 50:54:00:00:00 3", "1 0 50-54-00-00-00-01 3", "rubbish"}) {
        auto entries = parse_fdb("br7", "heading\n" + std::string(line) + "\n");
        ASSERT_FALSE(entries.ok()) << line;
        EXPECT_THAT(entries.error().message, testing::AllOf(HasSubstr("br7"), HasSubstr(line)));
    }
}

TEST(Fdb, AgeIsNotPartOfAnEntry) {
    auto young = parse_fdb("br0", "h\n 1 0 50:54:00:00:00:01 3\n"), old = parse_fdb("br0", "h\n 1 0 50:54:00:00:00:01 299\n");
    EXPECT_EQ(to_entry(young->at(0)), to_entry(old->at(0)));
}

TEST(Fdb, EntryHoldsTheWholeMacEntry) {
    auto entries = parse_fdb("br-with-a-long-name", shown);
    ASSERT_TRUE(entries.ok());
    for (const MacEntry& entry : *entries) {
        auto again = to_mac_entry(to_entry(entry));
        ASSERT_TRUE(again.ok());
        EXPECT_EQ(*again, entry);
    }
    EXPECT_FALSE(to_mac_entry({"short", "1"}).ok());
}

TEST(Fdb, OnlyDynamicExtrasAreHarmless) {
    Fdb fdb;
    auto entries = *parse_fdb("br0", shown);
    EXPECT_TRUE(fdb.harmless_extra(to_entry(entries[0])));
    EXPECT_FALSE(fdb.harmless_extra(to_entry(entries[2])));
    EXPECT_EQ(fdb.describe(to_entry(entries[2])), "bridge br0: port 65279 VLAN 4094 MAC 50:54:00:00:00:03 static");
}

TEST(Fdb, ReadsEntriesAnewOnlyWhenTheBridgeCountsChanges) {
    FakeSwitch one({{"fdb/show br0", std::string(shown)}, {"fdb/stats-show br0", "learned: 3"}});
    auto control = one.control_of_bridge("br0");
    Fdb fdb;
    auto first = fdb.dump(control);
    ASSERT_TRUE(first.ok());
    first = fdb.changed_since(control, *first);   // nothing was known of the counts before
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(first->size(), 3u);
    EXPECT_EQ(fdb.requests(control).at(0).command, "fdb/stats-show");
    size_t asked = one.asked().size();
    fdb.packets_wait();
    auto same = fdb.changed_since(control, *first);
    ASSERT_TRUE(same.ok());
    EXPECT_EQ(*same, *first);
    EXPECT_EQ(one.asked().size(), asked + 1);
    one.change("fdb/stats-show br0", "learned: 4");
    one.change("fdb/show br0", "heading\n 1 0 50:54:00:00:00:04 3\n");
    fdb.packets_wait();
    auto changed = fdb.changed_since(control, *same);
    ASSERT_TRUE(changed.ok());
    EXPECT_EQ(changed->size(), 1u);
}

TEST(Fdb, AsksAVersionThatDoesNotCountOnceInAHold) {
    FakeSwitch old({{"fdb/show br0", std::string(shown)}});
    auto control = old.control_of_bridge("br0");
    Fdb fdb;
    ASSERT_TRUE(fdb.changed_since(control, {}).ok());
    EXPECT_EQ(fdb.requests(control).at(0).command, "fdb/show");
    size_t asked = old.asked().size();
    fdb.packets_wait();
    auto entries = fdb.changed_since(control, {});
    ASSERT_TRUE(entries.ok());
    EXPECT_EQ(entries->size(), 3u);
    EXPECT_EQ(old.asked().size(), asked + 1);
}

TEST(Fdb, FindsAPortsNameInItsBridge) {
    constexpr std::string_view show = "netdev@ovs-netdev: hit:0 missed:0\n"
                                      "  br0:\n    br0 65534/1: (tap)\n    p1 1/2: (system)\n    p12 12/3: (dummy: a=b)\n"
                                      "  br1:\n    br1 65534/4: (tap)\n    q1 1/5: (system)\n";
    EXPECT_EQ(*find_port_name(show, "br0", 1), "p1");
    EXPECT_EQ(*find_port_name(show, "br0", 12), "p12");
    EXPECT_EQ(*find_port_name(show, "br1", 1), "q1");
    EXPECT_EQ(*find_port_name(show, "br1", 0xfffffffe), "br1");
    EXPECT_FALSE(find_port_name(show, "br1", 12).ok());
    EXPECT_FALSE(find_port_name(show, "br", 1).ok());
}

}  // namespace
}  // namespace hitless::state
