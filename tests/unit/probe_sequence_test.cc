#include "probe/sequence.h"

#include <gtest/gtest.h>

namespace hitless::probe {
namespace {

constexpr int64_t kInterval = 1000;
constexpr int64_t kLatency = 50;
constexpr int64_t kStart = 1'000'000;

int64_t sent_at(uint64_t sequence) { return kStart + static_cast<int64_t>(sequence) * kInterval; }

// Sends packets 0 to 99 in order, on time, but what a test changes.
class ProbeSequence : public testing::Test {
  protected:
    void arrive(uint64_t sequence, int64_t extra_ns = 0) {
        analysis_.record({sequence, sent_at(sequence), sent_at(sequence) + kLatency + extra_ns});
    }
    void arrive_range(uint64_t begin, uint64_t end) {
        for (uint64_t i = begin; i < end; ++i) {
            arrive(i);
        }
    }
    StreamResult finish(uint64_t sent = 100) { return analysis_.finish(sent, sent_at(0), sent_at(sent - 1)); }

    SequenceAnalysis analysis_{kInterval, 64};
};

TEST_F(ProbeSequence, UndisturbedIsFlawless) {
    arrive_range(0, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.sent, 100u);
    EXPECT_EQ(result.received, 100u);
    EXPECT_EQ(result.lost, 0u);
    EXPECT_EQ(result.duplicated, 0u);
    EXPECT_EQ(result.reordered, 0u);
    EXPECT_EQ(result.too_late, 0u);
    EXPECT_EQ(result.longest_gap_ns, kInterval);
    EXPECT_EQ(result.blackout_ns, 0);
    EXPECT_EQ(result.reset_frame_loss_ns, 0);
    EXPECT_EQ(result.reset_time_stamp_ns, 0);
    EXPECT_TRUE(result.loss_events.empty());
}

TEST_F(ProbeSequence, DroppedPacketsAreLost) {
    arrive_range(0, 20);
    arrive_range(25, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.lost, 5u);
    EXPECT_EQ(result.received, 95u);
    EXPECT_EQ(result.reordered, 0u);
    ASSERT_EQ(result.loss_events.size(), 1u);
    EXPECT_EQ(result.loss_events[0].first, 20u);
    EXPECT_EQ(result.loss_events[0].packets, 5u);
    EXPECT_EQ(result.loss_events[0].due_ns, sent_at(20));
    EXPECT_EQ(result.loss_events[0].outage_ns, 5 * kInterval + kLatency);   // from when 20 was due to when 25 arrived
    EXPECT_EQ(result.blackout_ns, 5 * kInterval);
    EXPECT_EQ(result.reset_frame_loss_ns, 5 * kInterval);
    EXPECT_EQ(result.reset_time_stamp_ns, 6 * kInterval);                   // from arrival of 19 to that of 25
}

TEST_F(ProbeSequence, SeparateLossesAreSeparateEvents) {
    arrive_range(0, 10);
    arrive_range(11, 30);
    arrive_range(33, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.lost, 4u);
    EXPECT_EQ(result.loss_events_total, 2u);
    EXPECT_EQ(result.blackout_ns, 3 * kInterval);
}

TEST_F(ProbeSequence, DuplicateIsCountedAndReceivedOnce) {
    arrive_range(0, 50);
    arrive(49);
    arrive(30);
    arrive_range(50, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.duplicated, 2u);
    EXPECT_EQ(result.received, 100u);
    EXPECT_EQ(result.reordered, 0u);
    EXPECT_EQ(result.lost, 0u);
}

TEST_F(ProbeSequence, SwappedPacketsAreReordered) {
    arrive_range(0, 10);
    arrive(11);
    arrive(10, 2 * kInterval);
    arrive_range(12, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.reordered, 1u);
    EXPECT_EQ(result.displacement, 1u);
    EXPECT_EQ(result.lost, 0u);
    EXPECT_EQ(result.duplicated, 0u);
    EXPECT_EQ(result.blackout_ns, 2 * kInterval);
}

TEST_F(ProbeSequence, HeldPacketsMakeABlackoutWithoutLoss) {
    arrive_range(0, 40);
    for (uint64_t i = 40; i < 50; ++i) {
        arrive(i, static_cast<int64_t>(50 - i) * kInterval);   // all released when 50 is sent
    }
    arrive_range(50, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.lost, 0u);
    EXPECT_EQ(result.blackout_ns, 10 * kInterval);
    EXPECT_EQ(result.reset_time_stamp_ns, 0);
}

TEST_F(ProbeSequence, APauseOfTheSenderIsAGapButNoBlackout) {
    arrive_range(0, 50);
    for (uint64_t i = 50; i < 100; ++i) {
        const int64_t sent = sent_at(i) + 30 * kInterval;
        analysis_.record({i, sent, sent + kLatency});
    }
    const StreamResult result = finish();
    EXPECT_EQ(result.longest_gap_ns, 31 * kInterval);
    EXPECT_EQ(result.blackout_ns, 0);
}

TEST_F(ProbeSequence, LossAtTheBeginningAndAtTheEndCounts) {
    arrive_range(3, 90);
    const StreamResult result = finish();
    EXPECT_EQ(result.lost, 13u);
    ASSERT_EQ(result.loss_events.size(), 2u);
    EXPECT_EQ(result.loss_events[0].due_ns, sent_at(0));
    EXPECT_TRUE(result.loss_events[0].recovered);
    EXPECT_EQ(result.loss_events[1].first, 90u);
    EXPECT_FALSE(result.loss_events[1].recovered);
    EXPECT_EQ(result.loss_events[1].outage_ns, 9 * kInterval);   // 90 was due, 99 was the last sent
}

TEST_F(ProbeSequence, NothingReceivedIsAllLost) {
    const StreamResult result = finish();
    EXPECT_EQ(result.received, 0u);
    EXPECT_EQ(result.lost, 100u);
    EXPECT_EQ(result.blackout_ns, 99 * kInterval);
}

TEST_F(ProbeSequence, APacketBeyondTheWindowIsTooLateAndLost) {
    arrive_range(0, 10);
    arrive_range(11, 10 + 64 + 1);   // as many later ones as the window has
    arrive(10);
    arrive_range(75, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.too_late, 1u);
    EXPECT_EQ(result.lost, 1u);
    EXPECT_EQ(result.received, 99u);
}

TEST_F(ProbeSequence, APacketJustInsideTheWindowIsReorderedNotLost) {
    arrive_range(0, 10);
    arrive_range(11, 10 + 64);
    arrive(10);
    arrive_range(74, 100);
    const StreamResult result = finish();
    EXPECT_EQ(result.too_late, 0u);
    EXPECT_EQ(result.reordered, 1u);
    EXPECT_EQ(result.lost, 0u);
}

TEST_F(ProbeSequence, NumbersNeverSentAreAlien) {
    arrive_range(0, 100);
    arrive(100);
    const StreamResult result = finish();
    EXPECT_EQ(result.alien, 1u);
    EXPECT_EQ(result.received, 100u);
    EXPECT_EQ(result.lost, 0u);
}

TEST_F(ProbeSequence, LossLongerThanTheWindowIsCountedWhole) {
    arrive_range(0, 10);
    arrive_range(900, 1000);
    const StreamResult result = finish(1000);
    EXPECT_EQ(result.lost, 890u);
    EXPECT_EQ(result.loss_events_total, 1u);
    EXPECT_EQ(result.blackout_ns, 890 * kInterval);
}

}  // namespace
}  // namespace hitless::probe
