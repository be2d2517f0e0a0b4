// Flows that overlap at equal priority: OpenFlow leaves open which of them applies, and the copy decides as the original does.
#include <gtest/gtest.h>

#include "dummy_switch.h"
#include "state/copy.h"
#include "state/flows.h"

namespace hitless {
namespace {

using test::DummySwitch;

class FlowOrder : public testing::Test {
  protected:
    static void add(const DummySwitch& to, const std::string& bridge, const std::string& flow) { to.ofctl("add-flow", bridge, {flow}); }

    // The flow that applies to a packet that all flows here match: " 0. tcp, priority 5".
    static std::string decision(const DummySwitch& of, const std::string& bridge) {
        std::string text = of.appctl({"ofproto/trace", bridge, "in_port=1,ip,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_proto=6"});
        size_t at = text.find(" 0. ");
        return at == std::string::npos ? text : text.substr(at, text.find('\n', at) - at);
    }

    void expect_same_decisions() {
        for (const char* bridge : {"br0", "br1"}) {
            EXPECT_EQ(decision(switch_a_, bridge), decision(switch_b_, bridge)) << bridge;
        }
    }

    state::Copy copy(instance::Control& from, instance::Control& to) {
        auto copy = state::copy_kind(flows_, from, to);
        if (!copy) {
            ADD_FAILURE() << copy.error().message;
            return {};
        }
        EXPECT_EQ(copy->report.differing, 0u);
        return std::move(*copy);
    }

    static constexpr const char* by_source = "priority=5,ip,nw_src=10.0.0.1,actions=output:2";
    static constexpr const char* by_destination = "priority=5,ip,nw_dst=10.0.0.2,actions=output:3";
    static constexpr const char* by_protocol = "priority=5,tcp,actions=output:4";

    DummySwitch switch_a_{{"br0", "br1"}}, switch_b_{{"br0", "br1"}};
    instance::Control a_{Side::A, switch_a_.control_paths()}, b_{Side::B, switch_b_.control_paths()};
    state::Flows flows_;
};

TEST_F(FlowOrder, TheCopyDecidesAsTheOriginalInWhicheverOrderFlowsWereMade) {
    add(switch_a_, "br0", by_source);
    add(switch_a_, "br0", by_destination);
    add(switch_a_, "br1", by_destination);
    add(switch_a_, "br1", by_source);
    ASSERT_NE(decision(switch_a_, "br0"), decision(switch_a_, "br1"));   // the order decides
    copy(a_, b_);
    expect_same_decisions();
    switch_a_.ofctl("del-flows", "br0");
    switch_a_.ofctl("del-flows", "br1");
    copy(b_, a_);
    expect_same_decisions();
    EXPECT_NE(decision(switch_a_, "br0"), decision(switch_a_, "br1"));
}

TEST_F(FlowOrder, StaysAsItIsWhenTimeoutsBegin) {
    std::string timed = std::string("idle_timeout=300,") + by_source;
    add(switch_a_, "br0", timed);
    add(switch_a_, "br0", by_destination);
    add(switch_a_, "br1", by_destination);
    add(switch_a_, "br1", timed);
    ASSERT_NE(decision(switch_a_, "br0"), decision(switch_a_, "br1"));
    auto copied = copy(a_, b_);
    ASSERT_TRUE(flows_.arm(a_, b_, copied.source, copied.target).ok());
    expect_same_decisions();
}

TEST_F(FlowOrder, ARemovalThatLeavesFlowsInAnotherOrderIsKept) {
    // The last takes the place of the one that goes (lib/pvector.c in OVS 3.1).
    for (const char* flow : {"priority=5,in_port=4,actions=drop", by_source, by_destination, by_protocol}) {
        add(switch_a_, "br0", flow);
        add(switch_a_, "br1", flow);
    }
    switch_a_.ofctl("del-flows", "br1", {"in_port=4"});
    for (int i = 0; i < 100 && decision(switch_a_, "br0") == decision(switch_a_, "br1"); ++i) {
        usleep(20'000);   // the switch takes it out of its table some time later
    }
    ASSERT_NE(decision(switch_a_, "br0"), decision(switch_a_, "br1"));
    copy(a_, b_);
    expect_same_decisions();
}

TEST_F(FlowOrder, FlowsThatCameMeanwhileFollowInTheirOrder) {
    ASSERT_TRUE(flows_.follow(a_).ok());
    add(switch_a_, "br0", by_protocol);
    auto before = copy(a_, b_);
    add(switch_a_, "br0", by_destination);
    add(switch_a_, "br0", by_source);
    add(switch_a_, "br1", by_source);
    add(switch_a_, "br1", by_destination);
    ASSERT_TRUE(state::delta(flows_, a_, b_, before).ok());
    expect_same_decisions();
    switch_a_.ofctl("del-flows", "br0", {"tcp"});
    ASSERT_TRUE(state::delta(flows_, a_, b_, before).ok());
    for (int i = 0; i < 100 && decision(switch_a_, "br0") != decision(switch_b_, "br0"); ++i) {
        usleep(20'000);
    }
    expect_same_decisions();
}

}  // namespace
}  // namespace hitless
