// Snapshots by bridge.
#include "state/bridge_key.h"

#include <gtest/gtest.h>

namespace hitless::state {
namespace {

Entry entry(std::string_view bridge, uint32_t number, std::string value = {}) {
    return {bridge_key(bridge, number), std::move(value)};
}

TEST(BridgeKey, GivesItsPartsBack) {
    Entry e = entry("br-int", 0x01020304);
    EXPECT_EQ(bridge_of(e), "br-int");
    EXPECT_EQ(number_of(e), 0x01020304u);
}

TEST(BridgeKey, SortsByNumber) {
    EXPECT_LT(bridge_key("br0", 255), bridge_key("br0", 256));
    EXPECT_LT(bridge_key("br0", 0x7fffffff), bridge_key("br0", 0x80000000));
}

TEST(BridgeKey, RangeIsThatOfTheBridgeAndNotOfOneWhoseNameBeginsAlike) {
    Snapshot s = {entry("br", 1), entry("br", 2), entry("br0", 1), entry("br00", 1)};
    EXPECT_EQ(range_of(s, "br").begin, 0u);
    EXPECT_EQ(range_of(s, "br").end, 2u);
    EXPECT_EQ(range_of(s, "br0").begin, 2u);
    EXPECT_EQ(range_of(s, "br0").end, 3u);
    EXPECT_EQ(range_of(s, "zz").begin, range_of(s, "zz").end);
}

TEST(BridgeKey, ABridgesEntriesAreReplacedByFewerOrMore) {
    Snapshot s = {entry("a", 1), entry("b", 1, "old"), entry("b", 2, "old"), entry("c", 1)};
    replace_bridge(s, "b", {entry("b", 3, "new")});
    EXPECT_EQ(s, (Snapshot{entry("a", 1), entry("b", 3, "new"), entry("c", 1)}));
    replace_bridge(s, "b", {entry("b", 4), entry("b", 5), entry("b", 6)});
    EXPECT_EQ(s, (Snapshot{entry("a", 1), entry("b", 4), entry("b", 5), entry("b", 6), entry("c", 1)}));
    replace_bridge(s, "b", {});
    EXPECT_EQ(s, (Snapshot{entry("a", 1), entry("c", 1)}));
}

TEST(BridgeKey, BridgesThatAreGoneAreLeftOut) {
    Snapshot s = {entry("a", 1), entry("b", 1), entry("c", 1)};
    keep_bridges(s, {"a", "c"});
    EXPECT_EQ(s, (Snapshot{entry("a", 1), entry("c", 1)}));
}

}  // namespace
}  // namespace hitless::state
