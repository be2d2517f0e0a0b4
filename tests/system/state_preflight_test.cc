// What is said of a real switch's state before an upgrade of it.
#include "upgrade/state_preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "dummy_switch.h"
#include "state/conntrack.h"
#include "state/conntrack_parser.h"

namespace hitless::upgrade {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StatePreflight : public testing::Test {
  protected:
    std::vector<std::string> warnings() {
        auto findings = examine_state(control);
        EXPECT_TRUE(findings.ok()) << findings.error().message;
        EXPECT_THAT(findings->refusals, IsEmpty());
        return findings->warnings;
    }
    void track_a_connection() {
        auto connection = state::parse_connection("udp,orig=(src=10.1.0.1,dst=10.2.0.2,sport=5,dport=6),"
                                                  "reply=(src=10.2.0.2,dst=10.1.0.1,sport=6,dport=5),timeout=30");
        auto check = std::make_shared<state::SequenceCheck>();
        ASSERT_TRUE(state::Conntrack({}, check).load(control, {{state::to_entry(*connection)}, {}, {}}).ok());
    }

    test::DummySwitch one{{"br0", "br1"}};
    instance::Control control{Side::A, one.control_paths()};
};

TEST_F(StatePreflight, WarnsOfHelpersWhereThereAreConnections) {
    one.ofctl("add-flow", "br0", {"table=3,tcp,actions=ct(commit,zone=9,nat(src=10.9.0.9),table=4)"});
    one.ofctl("add-flow", "br1", {"table=3,udp,actions=clone(ct(commit,alg=tftp,table=4))"});
    one.ofctl("add-flow", "br1", {"table=3,tcp,actions=ct(commit,alg=ftp,table=4)"});
    EXPECT_THAT(warnings(), IsEmpty());
    track_a_connection();
    EXPECT_THAT(warnings(), ElementsAre(HasSubstr("bridge br1: 2 flows have a helper for connections")));
    one.ofctl("del-flows", "br1", {"table=3"});
    EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(StatePreflight, RefusesMatchesThatOpenflow15TellsAsOthers) {
    auto add = [&](const std::string& flow) {
        auto added = run_program({"ovs-ofctl", "-OOpenFlow10", "add-flow", "unix:" + one.mgmt("br1"), flow + ",actions=drop"});
        ASSERT_TRUE(added && added->exit_status == 0) << flow;
    };
    for (const char* told : {"dl_vlan_pcp=3", "dl_vlan=5,dl_vlan_pcp=2", "vlan_tci=0", "vlan_tci=0/0x1fff", "vlan_tci=0x1000/0x1000",
                             "vlan_tci=0x7005", "vlan_tci=5/0xfff"}) {
        add(std::string("table=4,") + told);
    }
    EXPECT_THAT(warnings(), IsEmpty());
    for (const char* untold : {"vlan_tci=0x6000/0xe000", "vlan_tci=0x0000/0xe000", "vlan_tci=0x5000/0x5000", "vlan_tci=0x2000/0x2000",
                               "vlan_tci=0x2000/0xf000"}) {
        one.ofctl("del-flows", "br1", {"table=5"});
        add(std::string("table=5,priority=7,") + untold);
        auto findings = examine_state(control);
        ASSERT_TRUE(findings.ok()) << findings.error().message;
        EXPECT_THAT(findings->refusals, ElementsAre(AllOf(HasSubstr("bridge br1: 1 flows match the priority of a VLAN"),
                                                          HasSubstr(std::string("table=5,priority=7,") + untold)))) << untold;
    }
}

TEST_F(StatePreflight, SaysWhatItHasNotLookedThrough) {
    std::string file = one.directory() + "/many";
    {
        std::ofstream out(file);
        for (int i = 0; i < 3001; ++i) {
            out << "table=5,tcp,tp_dst=" << i << ",actions=ct(commit,alg=ftp)\n";
        }
    }
    one.ofctl("add-flows", "br0", {file});
    track_a_connection();
    EXPECT_THAT(warnings(), ElementsAre(AllOf(HasSubstr("bridge br0: more than 3000 flows in table 5"), HasSubstr("ct(alg=ftp)"))));
    one.ofctl("del-flows", "br0", {"table=5,tcp,tp_dst=1"});
    EXPECT_THAT(warnings(), ElementsAre(HasSubstr("bridge br0: 3000 flows have a helper")));
}

}  // namespace
}  // namespace hitless::upgrade
