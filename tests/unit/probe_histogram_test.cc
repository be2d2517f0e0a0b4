#include "probe/histogram.h"

#include <gtest/gtest.h>

namespace hitless::probe {
namespace {

TEST(ProbeHistogram, EmptyIsZero) {
    const Histogram histogram;
    EXPECT_EQ(histogram.percentile(50), 0);
    EXPECT_EQ(histogram.minimum(), 0);
    EXPECT_EQ(histogram.maximum(), 0);
}

TEST(ProbeHistogram, SmallValuesAreExact) {
    Histogram histogram;
    for (int i = 1; i <= 100; ++i) {
        histogram.record(i);
    }
    EXPECT_EQ(histogram.percentile(50), 50);
    EXPECT_EQ(histogram.percentile(99), 99);
    EXPECT_EQ(histogram.percentile(100), 100);
    EXPECT_EQ(histogram.percentile(0), 1);
    EXPECT_DOUBLE_EQ(histogram.mean(), 50.5);
}

TEST(ProbeHistogram, RelativeErrorIsBelowOneIn128AtEveryMagnitude) {
    for (int64_t value = 1; value < int64_t{1} << 61; value = value * 3 + 1) {
        Histogram histogram;
        histogram.record(value);
        histogram.record(INT64_MAX);   // so that the maximum does not cap the first bucket
        const int64_t got = histogram.percentile(50);
        EXPECT_GE(got, value);
        EXPECT_LE(static_cast<double>(got - value), static_cast<double>(value) / 128) << value;
    }
}

TEST(ProbeHistogram, OneOutlierShowsInTheMaximumNotInTheMedian) {
    Histogram histogram;
    for (int i = 0; i < 999; ++i) {
        histogram.record(100);
    }
    histogram.record(5'000'000);
    EXPECT_EQ(histogram.percentile(99), 100);
    EXPECT_EQ(histogram.maximum(), 5'000'000);
    EXPECT_EQ(histogram.percentile(99.95), 5'000'000);
}

TEST(ProbeHistogram, NegativeCountsAsZero) {
    Histogram histogram;
    histogram.record(-5);
    EXPECT_EQ(histogram.count(), 1u);
    EXPECT_EQ(histogram.maximum(), 0);
}

TEST(ProbeHistogram, StepsHaveAllValues) {
    Histogram histogram;
    for (int64_t value : {1, 1, 500, 501, 70'000'000}) {
        histogram.record(value);
    }
    uint64_t values = 0;
    int64_t before = -1;
    for (const auto& [bound, count] : histogram.steps()) {
        EXPECT_GT(bound, before);
        EXPECT_GT(count, 0u);
        before = bound;
        values += count;
    }
    EXPECT_EQ(values, 5u);
    EXPECT_EQ(before, 70'000'000);
    EXPECT_EQ(histogram.steps().size(), 3u);
}

TEST(ProbeHistogram, MergeAddsUp) {
    Histogram low, high;
    low.record(10);
    high.record(1000);
    low.merge(high);
    EXPECT_EQ(low.count(), 2u);
    EXPECT_EQ(low.minimum(), 10);
    EXPECT_EQ(low.maximum(), 1000);
    EXPECT_EQ(low.percentile(50), 10);
}

}  // namespace
}  // namespace hitless::probe
