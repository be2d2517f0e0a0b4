#include "state/copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>


namespace hitless::state {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Two tables in memory. 'on_load' stands for what happens to the source meanwhile.
class FakeKind : public Kind {
  public:
    std::string_view name() const override { return "fake"; }
    Result<Snapshot> dump(instance::Control& control) override {
        Snapshot snapshot;
        for (const auto& [key, value] : tables[control.side() == Side::B]) {
            snapshot.push_back({key, value});
        }
        dumps++;
        return snapshot;
    }
    Status load(instance::Control& to, const Changes& changes) override {
        loads++;
        auto& table = tables[to.side() == Side::B];
        for (const auto* entries : {&changes.add, &changes.change}) {
            for (const Entry& entry : *entries) {
                if (entry.key == refused) {
                    return make_error("{}: refused", entry.key);
                }
                if (entry.key != ignored) {
                    table[entry.key] = entry.value;
                }
            }
        }
        for (const Entry& entry : changes.remove) {
            if (entry.key != ignored) {
                table.erase(entry.key);
            }
        }
        if (on_load) {
            on_load();
        }
        return {};
    }
    Status refresh(instance::Control&) override {
        refreshes++;
        return {};
    }
    bool harmless_extra(const Entry& entry) const override { return entry.key == harmless; }
    bool harmless_missing(const Entry& entry) const override { return entry.key == dispensable; }
    std::string describe(const Entry& entry) const override { return entry.key + "=" + entry.value; }

    std::map<std::string, std::string> tables[2];
    std::string refused, ignored, harmless, dispensable;
    std::function<void()> on_load;
    int dumps = 0, loads = 0, refreshes = 0;
};

class CopyTest : public testing::Test {
  protected:
    FakeKind kind;
    instance::Control a{Side::A, {}}, b{Side::B, {}};
    std::map<std::string, std::string>&from = kind.tables[0], &to = kind.tables[1];
};

TEST_F(CopyTest, MakesTheTargetEqual) {
    from = {{"1", "one"}, {"2", "two"}, {"3", "three"}};
    to = {{"2", "old"}, {"3", "three"}, {"4", "four"}};
    auto copy = copy_kind(kind, a, b);
    ASSERT_TRUE(copy.ok()) << copy.error().message;
    EXPECT_EQ(to, from);
    EXPECT_EQ(copy->report.copied, 3u);
    EXPECT_EQ(copy->report.identical, 3u);
    EXPECT_EQ(copy->report.differing, 0u);
    EXPECT_EQ(copy->report.rounds, 1u);
    EXPECT_EQ(copy->target, copy->source);
    EXPECT_GE(kind.refreshes, 1);
}

TEST_F(CopyTest, LoadsNothingWhereNothingDiffers) {
    from = to = {{"1", "one"}};
    EXPECT_EQ(copy_kind(kind, a, b)->report.copied, 0u);
    EXPECT_EQ(kind.loads, 0);
}

TEST_F(CopyTest, FollowsASourceThatChangesMeanwhile) {
    from = {{"1", "one"}};
    kind.on_load = [&] {
        if (kind.loads < 3) {
            from["more" + std::to_string(kind.loads)] = "x";
        }
    };
    auto copy = copy_kind(kind, a, b);
    EXPECT_EQ(to, from);
    EXPECT_EQ(copy->report.rounds, 3u);
    EXPECT_EQ(copy->report.differing, 0u);
}

TEST_F(CopyTest, EndsWithASourceThatNeverRests) {
    kind.on_load = [&] { from[std::to_string(kind.loads)] = "x"; };
    from = {{"0", "x"}};
    auto copy = copy_kind(kind, a, b, {.rounds = 4, .examples = 3});
    EXPECT_EQ(kind.loads, 4);
    EXPECT_EQ(copy->report.differing, 1u);
    EXPECT_THAT(copy->report.examples, ElementsAre("missing: 4=x"));
}

TEST_F(CopyTest, ReportsWhatTheTargetDoesNotTake) {
    from = {{"1", "one"}, {"2", "two"}};
    kind.ignored = "2";
    auto copy = copy_kind(kind, a, b);
    EXPECT_EQ(copy->report.identical, 1u);
    EXPECT_THAT(copy->report.examples, ElementsAre("missing: 2=two"));
}

TEST_F(CopyTest, AnEntryThatIsRefusedIsAnErrorThatNamesKindAndEntry) {
    from = {{"1", "one"}};
    kind.refused = "1";
    auto copy = copy_kind(kind, a, b);
    ASSERT_FALSE(copy.ok());
    EXPECT_EQ(copy.error().message, "fake: 1: refused");
}

TEST_F(CopyTest, HarmlessExtrasStay) {
    to = {{"1", "one"}, {"2", "two"}};
    kind.harmless = "1";
    auto copy = copy_kind(kind, a, b);
    EXPECT_EQ(to.count("1"), 1u);
    EXPECT_EQ(to.count("2"), 0u);
    EXPECT_EQ(copy->report.harmless, 1u);
    EXPECT_EQ(copy->report.differing, 0u);
}

TEST_F(CopyTest, WhatDiffersInTheSameWayAfterTwoCopiesIsStuck) {
    auto stuck_after_two = [&] {
        auto before = copy_kind(kind, a, b), now = copy_kind(kind, a, b);
        return stuck(kind, *before, *now);
    };
    kind.ignored = "2";
    from = {{"1", "one"}, {"2", "two"}};
    EXPECT_THAT(stuck_after_two(), ElementsAre(Entry{"2", "two"}));   // it is missing
    to["2"] = "other";
    EXPECT_THAT(stuck_after_two(), ElementsAre(Entry{"2", "two"}));
    from.erase("2");
    EXPECT_THAT(stuck_after_two(), ElementsAre(Entry{"2", "other"}));   // it does not go
    kind.harmless = "2";
    EXPECT_THAT(stuck_after_two(), testing::IsEmpty());
    from["2"] = "two";
    to.erase("2");
    kind.dispensable = "2";
    EXPECT_THAT(stuck_after_two(), testing::IsEmpty());
    EXPECT_EQ(verify(kind, a, b)->missing, 1u);   // which is told all the same
    to["2"] = "other";
    EXPECT_THAT(stuck_after_two(), ElementsAre(Entry{"2", "two"}));   // there, but wrong
    from.erase("2");
    kind.on_load = [&] { from[std::to_string(kind.loads)] = "x"; };   // always another
    from["5"] = "x";
    EXPECT_THAT(stuck_after_two(), testing::IsEmpty());
}

TEST_F(CopyTest, DeltaReadsTheSourceAloneAndKeepsAccount) {
    from = {{"1", "one"}, {"2", "two"}};
    auto copy = copy_kind(kind, a, b);
    from = {{"0", "zero"}, {"1", "uno"}};
    kind.dumps = 0;
    auto report = delta(kind, a, b, *copy);
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(kind.dumps, 1);
    EXPECT_EQ(report->copied, 3u);
    EXPECT_EQ(to, from);
    EXPECT_THAT(copy->target, ElementsAre(Entry{"0", "zero"}, Entry{"1", "uno"}));
    kind.loads = 0;
    EXPECT_EQ(delta(kind, a, b, *copy)->copied, 0u);
    EXPECT_EQ(kind.loads, 0);
}

TEST_F(CopyTest, VerifyChangesNothing) {
    from = {{"1", "one"}, {"2", "two"}, {"3", "three"}};
    to = {{"2", "old"}, {"3", "three"}, {"4", "four"}};
    auto report = verify(kind, a, b);
    EXPECT_EQ(kind.loads, 0);
    EXPECT_EQ(report->identical, 1u);
    EXPECT_EQ(report->differing, 3u);
    EXPECT_THAT(report->examples, ElementsAre("missing: 1=one", "different: 2=two", "extra: 4=four"));
    EXPECT_EQ(verify(kind, a, b, {.rounds = 1, .examples = 1})->examples.size(), 1u);
}

TEST(Diff, APlaceIsNoDifferenceAndGoesAlongWithWhatIsAdded) {
    Snapshot from{{"a", "1", 7}, {"b", "1", 3}}, to{{"a", "1", 5}};
    Changes changes = diff(from, to);
    ASSERT_THAT(changes.add, ElementsAre(Entry{"b", "1"}));
    EXPECT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes.add[0].place, 3u);
}

TEST(ApplyChanges, UndoesTheDifference) {
    Snapshot from{{"a", "1"}, {"c", "2"}, {"d", "3"}, {"f", "4"}}, to{{"b", "1"}, {"c", "x"}, {"d", "3"}, {"e", ""}, {"g", ""}};
    apply_changes(to, diff(from, to));
    EXPECT_EQ(to, from);
    Snapshot empty;
    apply_changes(empty, {{}, {{"x", "1"}}, {{"y", ""}}});
    EXPECT_TRUE(empty.empty());
}

}  // namespace
}  // namespace hitless::state
