#include "probe/flow_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hitless::probe {
namespace {

using testing::HasSubstr;

TEST(ProbeFlowSpec, AllFields) {
    const auto flow = parse_flow("from=/run/netns/a,to=/run/netns/b,src=10.0.0.1,dst=10.0.0.2,sport=1,dport=65535,both", 9);
    ASSERT_TRUE(flow.ok()) << flow.error().message;
    EXPECT_EQ(flow->from, "/run/netns/a");
    EXPECT_EQ(flow->to, "/run/netns/b");
    EXPECT_EQ(flow->source.to_string(), "10.0.0.1:1");
    EXPECT_EQ(flow->destination.to_string(), "10.0.0.2:65535");
    EXPECT_TRUE(flow->both);
}

TEST(ProbeFlowSpec, PortsAndNamespacesHaveDefaults) {
    const auto flow = parse_flow("src=fd00::1,dst=fd00::2", 7001);
    ASSERT_TRUE(flow.ok()) << flow.error().message;
    EXPECT_EQ(flow->from, "");
    EXPECT_EQ(flow->source.to_string(), "[fd00::1]:7001");
    EXPECT_EQ(flow->destination.port(), 7001);
    EXPECT_FALSE(flow->both);
}

TEST(ProbeFlowSpec, ManyFlowsHaveSourcePortsOfTheirOwn) {
    const auto spec = parse_flow("src=10.0.0.1,dst=10.0.0.2,sport=65530,dport=9,both,flows=6", 1);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    const auto flows = expand(*spec);
    ASSERT_EQ(flows.size(), 6u);
    for (size_t i = 0; i < flows.size(); ++i) {
        EXPECT_EQ(flows[i].source.port(), 65530 + i);
        EXPECT_EQ(flows[i].destination.port(), 9);
        EXPECT_EQ(flows[i].flows, 1u);
        EXPECT_TRUE(flows[i].both);
    }
    EXPECT_EQ(expand(*parse_flow("src=10.0.0.1,dst=10.0.0.2", 5)).size(), 1u);
}

TEST(ProbeFlowSpec, AddressesCompareByFamilyAddressAndPort) {
    EXPECT_TRUE(*make_address("10.0.0.1", 5) == *make_address("10.0.0.1", 5));
    EXPECT_FALSE(*make_address("10.0.0.1", 5) == *make_address("10.0.0.1", 6));
    EXPECT_FALSE(*make_address("10.0.0.1", 5) == *make_address("10.0.0.2", 5));
    EXPECT_FALSE(*make_address("fd00::1", 5) == *make_address("fd00::2", 5));
}

struct Refused {
    const char* text;
    const char* message;
};

class ProbeFlowSpecRefused : public testing::TestWithParam<Refused> {};

TEST_P(ProbeFlowSpecRefused, NamesTheField) {
    const auto flow = parse_flow(GetParam().text, 1);
    ASSERT_FALSE(flow.ok());
    EXPECT_THAT(flow.error().message, HasSubstr(GetParam().message));
    EXPECT_THAT(flow.error().message, HasSubstr("flow '"));
}

INSTANTIATE_TEST_SUITE_P(All, ProbeFlowSpecRefused,
                         testing::Values(Refused{"src=10.0.0.1", "src= and dst="}, Refused{"", "unknown field"},
                                         Refused{"src=10.0.0.1,dst=10.0.0.2,x=1", "unknown field 'x=1'"},
                                         Refused{"src=10.0.0.1,dst=10.0.0.2,sport=0", "sport=0"},
                                         Refused{"src=10.0.0.1,dst=10.0.0.2,dport=65536", "dport=65536"},
                                         Refused{"src=10.0.0.1,dst=10.0.0.2,dport=5x", "dport=5x"},
                                         Refused{"src=10.0.0.1,dst=10.0.0.2,flows=0", "flows=0"},
                                         Refused{"src=10.0.0.1,dst=10.0.0.2,sport=65530,flows=7", "not so many ports"},
                                         Refused{"src=10.0.0.1,src=10.0.0.2", "twice"},
                                         Refused{"src=10.0.0.1,dst=10.0.0.2,both=1", "takes no value"},
                                         Refused{"src=10.0.0.1,dst", "needs a value"},
                                         Refused{"src=hostname,dst=10.0.0.2", "'hostname' is not"},
                                         Refused{"src=10.0.0.1,dst=fd00::1", "families"}));

}  // namespace
}  // namespace hitless::probe
