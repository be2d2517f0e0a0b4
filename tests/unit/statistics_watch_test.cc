#include "ovsdb/statistics_watch.h"

#include <gtest/gtest.h>

namespace hitless::ovsdb {
namespace {

using namespace std::chrono_literals;

TEST(StatisticsInterval, IsThatOfTheSwitch) {
    EXPECT_EQ(statistics_interval({}), 5s);
    EXPECT_EQ(statistics_interval({{"stats-update-interval", "20000"}}), 20s);
    EXPECT_EQ(statistics_interval({{"stats-update-interval", "10"}}), 5s);
    EXPECT_EQ(statistics_interval({{"stats-update-interval", "often"}}), 5s);
}

class Times : public testing::Test {
  protected:
    static constexpr StatisticsTimes::TimePoint start{1000s};
    StatisticsTimes times_{5s};
};

TEST_F(Times, NothingIsNearWhereNothingWasWritten) {
    EXPECT_FALSE(times_.near(start));
}

TEST_F(Times, JustWrittenIsNear) {
    times_.add(start);
    EXPECT_TRUE(times_.near(start));
    EXPECT_TRUE(times_.near(start + 90ms));
    EXPECT_FALSE(times_.near(start + 110ms));
}

TEST_F(Times, TheNextTimeIsAnIntervalLaterOrSomewhatMore) {
    times_.add(start);
    EXPECT_FALSE(times_.near(start + 4890ms));
    EXPECT_TRUE(times_.near(start + 4910ms));
    EXPECT_TRUE(times_.near(start + 5170ms));
    EXPECT_FALSE(times_.near(start + 5190ms));
}

TEST_F(Times, OneThatIsNotSeenToWriteGoesOnAndEachTimeIsLessKnown) {
    times_.add(start);
    EXPECT_TRUE(times_.near(start + 14910ms));
    EXPECT_TRUE(times_.near(start + 15330ms));
    EXPECT_FALSE(times_.near(start + 15350ms));
    EXPECT_TRUE(times_.near(start + 40s));
    EXPECT_FALSE(times_.near(start + 45s));
}

TEST_F(Times, TheNextTimeOfTheSameSwitchTakesThePlaceOfTheLast) {
    times_.add(start);
    times_.add(start + 5060ms);
    EXPECT_FALSE(times_.near(start + 9950ms));   // an interval after it is not reached
    EXPECT_TRUE(times_.near(start + 10s));
    EXPECT_FALSE(times_.near(start + 10250ms));   // two intervals after the first, and later
}

TEST_F(Times, AnotherSwitchHasItsOwn) {
    times_.add(start);
    times_.add(start + 2s);
    EXPECT_TRUE(times_.near(start + 5s));
    EXPECT_FALSE(times_.near(start + 6s));
    EXPECT_TRUE(times_.near(start + 7s));
}

}  // namespace
}  // namespace hitless::ovsdb
