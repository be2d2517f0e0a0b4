#include "probe/time_series.h"

#include <gtest/gtest.h>

#include "probe/sequence.h"

namespace hitless::probe {
namespace {

TEST(ProbeTimeSeries, PacketsCountWhereTheyWereSent) {
    TimeSeries series(1000, 10);
    series.arrived(1000, 5);
    series.arrived(1009, 9);
    series.arrived(1010, 1);
    series.lost(1025, 2, 10);
    series.arrived(900, 2);   // before the first bin
    ASSERT_EQ(series.bins().size(), 4u);
    EXPECT_EQ(series.bins()[0].received, 3u);
    EXPECT_EQ(series.bins()[0].latency_sum_ns, 16);
    EXPECT_EQ(series.bins()[0].latency_maximum_ns, 9);
    EXPECT_EQ(series.bins()[1].received, 1u);
    EXPECT_EQ(series.bins()[2].lost, 1u);
    EXPECT_EQ(series.bins()[3].lost, 1u);
}

TEST(ProbeTimeSeries, BinsMergeWhenThereAreTooMany) {
    TimeSeries series(0, 1);
    const int64_t end = 5 * static_cast<int64_t>(TimeSeries::kMaximumBins);
    for (int64_t i = 0; i < end; ++i) {
        series.arrived(i, i == 77 ? 1000 : 1);
    }
    EXPECT_EQ(series.interval_ns(), 8);
    ASSERT_EQ(series.bins().size(), static_cast<size_t>(end / 8));
    uint64_t received = 0;
    for (const auto& bin : series.bins()) {
        received += bin.received;
    }
    EXPECT_EQ(received, static_cast<uint64_t>(end));
    EXPECT_EQ(series.bins()[77 / 8].latency_maximum_ns, 1000);
    EXPECT_EQ(series.bins()[77 / 8].latency_sum_ns, 1007);
}

TEST(ProbeTimeSeries, NoneIsKeptUnlessAskedFor) {
    TimeSeries series(0, 0);
    series.arrived(5, 1);
    series.lost(5, 1000, 1);
    EXPECT_TRUE(series.bins().empty());
}

// Lost packets stand where they were due, not where their loss was noticed.
TEST(ProbeTimeSeries, TheAnalysisFillsIt) {
    SequenceAnalysis analysis(10, 64, TimeSeries(0, 100));
    for (uint64_t i = 0; i < 100; ++i) {
        if (i < 30 || i >= 40) {
            analysis.record({i, static_cast<int64_t>(i) * 10, static_cast<int64_t>(i) * 10 + 3});
        }
    }
    const StreamResult result = analysis.finish(110, 0, 1090);
    ASSERT_EQ(result.series.bins().size(), 11u);
    EXPECT_EQ(result.lost, 20u);
    for (size_t i = 0; i < 11; ++i) {
        const bool gone = i == 3 || i == 10;
        EXPECT_EQ(result.series.bins()[i].lost, gone ? 10u : 0u) << i;
        EXPECT_EQ(result.series.bins()[i].received, gone ? 0u : 10u) << i;
    }
}

TEST(ProbeTimeSeries, SeveralAnalysesFillOneMore) {
    TimeSeries all(0, 100);
    SequenceAnalysis fast(10, 64, TimeSeries(0, 100), &all), slow(10, 64, TimeSeries(0, 0), &all);
    for (uint64_t i = 0; i < 10; ++i) {
        fast.record({i, static_cast<int64_t>(i) * 10, static_cast<int64_t>(i) * 10 + 3});
        slow.record({i, static_cast<int64_t>(i) * 10, static_cast<int64_t>(i) * 10 + 700});
    }
    slow.finish(12, 0, 110);
    ASSERT_EQ(all.bins().size(), 2u);
    EXPECT_EQ(all.bins()[0].received, 20u);
    EXPECT_EQ(all.bins()[0].latency_maximum_ns, 700);
    EXPECT_EQ(all.bins()[1].lost, 2u);
    EXPECT_EQ(fast.finish(10, 0, 90).series.bins()[0].received, 10u);
}

}  // namespace
}  // namespace hitless::probe
