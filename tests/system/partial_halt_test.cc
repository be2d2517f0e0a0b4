// A halt of only those packets that may change connections, and what is told of those that pass.

#include <arpa/inet.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datapath/steering.h"
#include "steering_fixture.h"

namespace hitless::test {
namespace {

constexpr auto settling = datapath::kJustNow + 300ms;

class PartialHaltTest : public SteeringTest {
  protected:
    void attach_and_learn() {
        attach();
        ping_all();
        ASSERT_OK(steering_->learn_tcp(true));
    }
    std::unique_ptr<Traffic> start_known() { return must(Traffic::start(streams(2000))); }
    std::unique_ptr<Traffic> start_fresh(double packets_per_second = 2000) {
        fresh_port_ += 100;
        return must(Traffic::start(streams(packets_per_second), fresh_port_));
    }

    // The hosts' own kernels say something now and then.
    static constexpr uint64_t noise = 10;

  private:
    uint16_t fresh_port_ = 8000;
};

TEST_P(PartialHaltTest, HoldsWhatIsNewAndAllThatFollowsItInItsDirection) {
    attach_and_learn();
    for (Side to : {Side::B, Side::A}) {
        StockSwitch& from = to == Side::A ? *b_ : *a_;
        auto known = start_known();
        std::this_thread::sleep_for(settling);
        ASSERT_OK(steering_->halt_changes(2s));
        uint64_t before = held();
        std::this_thread::sleep_for(50ms);
        EXPECT_LT(held(), before + noise) << "of directions that are known";
        auto fresh = start_fresh();
        std::this_thread::sleep_for(datapath::kJustNow + 100ms);
        uint64_t old = held();
        EXPECT_GT(old, before);
        std::this_thread::sleep_for(100ms);
        EXPECT_GT(held(), old + 100) << "new to the switch, however old";
        ASSERT_OK(sockets(from).accept_all([&] { return from.round_trip(); }, 400ms));
        ASSERT_OK(steering_->halt(500ms));
        ASSERT_OK(sockets(from).accept_all([&] { return from.round_trip(); }, 400ms));
        auto report = steering_->release(to);
        ASSERT_OK(report);
        EXPECT_EQ(report->dropped + report->refused + report->late, 0u);
        std::this_thread::sleep_for(50ms);
        expect_intact(*known);
        expect_intact(*fresh);
    }
    ASSERT_OK(steering_->detach_all());
}

TEST_P(PartialHaltTest, CanBeCalledOff) {
    attach_and_learn();
    ASSERT_OK(steering_->halt_changes(500ms));
    EXPECT_FALSE(steering_->halt_changes(500ms).ok());
    auto fresh = start_fresh();
    std::this_thread::sleep_for(50ms);
    auto report = steering_->release(Side::A);
    ASSERT_OK(report);
    EXPECT_GT(report->held, 0u);
    expect_intact(*fresh);
    ASSERT_OK(steering_->detach_all());
}

TEST_P(PartialHaltTest, EndsByItselfAndIsThenNoBeginningOfAHalt) {
    attach_and_learn();
    ASSERT_OK(steering_->halt_changes(100ms));
    std::this_thread::sleep_for(200ms);
    auto fresh = start_fresh();
    std::this_thread::sleep_for(50ms);
    EXPECT_LT(held(), noise);
    EXPECT_FALSE(steering_->halt(500ms).ok());
    EXPECT_FALSE(steering_->release(Side::B).ok());
    EXPECT_EQ(steering_->bond().active, Side::A);
    expect_intact(*fresh);
    ASSERT_OK(steering_->detach_all());
}

TEST_P(PartialHaltTest, WhatMayChangeConnectionsIsCounted) {
    attach_and_learn();
    EXPECT_FALSE(steering_->watched().ok());
    auto known = start_known();
    std::this_thread::sleep_for(settling);
    ASSERT_OK(steering_->watch());
    std::this_thread::sleep_for(200ms);
    EXPECT_LT(must(steering_->watched()).changes, noise);
    auto fresh = start_fresh(200);
    std::this_thread::sleep_for(100ms);
    uint64_t changes = steering_->changes();
    EXPECT_GT(changes, noise);
    EXPECT_GE(must(steering_->watched()).changes, changes);
    std::this_thread::sleep_for(settling);
    ASSERT_OK(steering_->watch());
    std::this_thread::sleep_for(100ms);
    EXPECT_LT(steering_->changes(), noise) << "they are known by now";
    expect_intact(*known);
    expect_intact(*fresh);
    ASSERT_OK(steering_->detach_all());
}

TEST_P(PartialHaltTest, EndsOfTcpConnectionsMayChangeThemAndOtherSegmentsMoveThem) {
    attach_and_learn();
    ASSERT_OK(steering_->watch());
    uint16_t port = 5001;
    {
        TcpTransfer transfer("", "10.9.0.254", hosts_->path(1), "10.9.0.1", port);
        EXPECT_GE(steering_->changes(), 3u);   // its beginning
        std::this_thread::sleep_for(settling);
        ASSERT_OK(steering_->watch());
        std::this_thread::sleep_for(50ms);
        EXPECT_TRUE(must(transfer.stop()).intact);
        std::this_thread::sleep_for(50ms);
        auto watched = must(steering_->watched());
        EXPECT_LT(watched.changes, noise);
        size_t moved = 0;
        for (const auto& [direction, learned] : watched.moved) {
            if (direction.source_port == port || direction.destination_port == port) {
                auto now = steering_->learned(direction);
                ASSERT_TRUE(now);
                EXPECT_EQ(now->next_seq, learned.next_seq);
                EXPECT_EQ(now->ack, learned.ack);
                moved++;
            }
        }
        EXPECT_EQ(moved, 2u);
        ASSERT_OK(steering_->watch());
        EXPECT_THAT(must(steering_->watched()).moved, ::testing::IsEmpty());
    }
    std::this_thread::sleep_for(50ms);
    EXPECT_GE(steering_->changes(), 2u);   // its end
    ASSERT_OK(steering_->detach_all());
}

INSTANTIATE_TEST_SUITE_P(Method, PartialHaltTest, ::testing::Values(TcMethod::automatic, TcMethod::clsact),
                         [](const auto& info) { return info.param == TcMethod::clsact ? "Clsact" : "Automatic"; });

}  // namespace
}  // namespace hitless::test
