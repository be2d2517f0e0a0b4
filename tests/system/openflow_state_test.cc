// TLV maps, meters, groups and flows between two real switches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "dummy_switch.h"
#include "state/bridge_key.h"
#include "state/copy.h"
#include "state/flow_timeouts.h"
#include "state/flows.h"
#include "openflow/generation.h"
#include "state/fragments.h"
#include "state/generation.h"
#include "state/groups.h"
#include "state/meters.h"
#include "state/port_config.h"
#include "state/table_config.h"
#include "state/tlv_map.h"

namespace hitless {
namespace {

using state::Changes;
using state::Entry;
using state::Kind;
using state::Snapshot;
using test::DummySwitch;

const std::vector<std::string> meters = {
    "meter=1,kbps,burst,band=type=drop,rate=5000,burst_size=500",
    "meter=2,pktps,band=type=drop,rate=100",
    "meter=controller,pktps,band=type=drop,rate=1000",
};

const std::vector<std::string> groups = {
    "group_id=1,type=all,bucket=output:1,bucket=set_field:3->reg0,output:2",
    "group_id=2,type=select,selection_method=hash,fields(ip_src,ip_dst),bucket=bucket_id:7,weight:10,output:1,"
        "bucket=bucket_id:9,weight:30,output:2",
    "group_id=3,type=select,selection_method=dp_hash,selection_method_param=5,bucket=weight:1,output:1",
    "group_id=4,type=indirect,bucket=group:9",   // refers to one that comes later
    "group_id=5,type=ff,bucket=watch_port:1,output:1,bucket=watch_group:1,output:2",
    "group_id=9,type=all,bucket=group:1,bucket=output:3",
    "group_id=10,type=all",
};

const std::vector<std::string> flows = {
    "table=0,priority=0,actions=drop",
    "table=0,priority=100,cookie=0xabcdef,importance=7,idle_timeout=600,send_flow_rem,ip,"
        "nw_dst=10.0.0.0/8,actions=resubmit(,1)",
    "table=0,priority=101,no_packet_counts,no_byte_counts,reset_counts,ip6,ipv6_src=fe80::/10,actions=goto_table:2",
    "table=0,priority=102,check_overlap,tcp,tp_dst=0x100/0xff00,actions=ct(commit,zone=5,"
        "nat(src=10.1.1.1-10.1.1.9:5000-6000,random),exec(set_field:0x5/0xf->ct_mark,"
        "set_field:0x1234567890->ct_label)),resubmit(,3)",
    "table=0,priority=103,udp,actions=ct(table=4,zone=NXM_NX_REG1[0..15],alg=tftp,nat)",
    "table=0,priority=104,ct_state=+trk+est-new,ct_mark=5,ip,actions=ct_clear,output:2",
    "table=0,priority=105,tun_metadata0=0x1234,tun_metadata3=0xff/0xff,actions=set_field:0x77->tun_metadata0,"
        "move:NXM_OF_ETH_SRC[0..15]->tun_metadata3[0..15],output:1",
    "table=1,priority=200,arp,actions=learn(table=9,idle_timeout=30,fin_idle_timeout=3,priority=7,cookie=0x99,"
        "delete_learned,limit=100,result_dst=reg2[3],NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
        "load:0x5->NXM_NX_REG5[],output:NXM_OF_IN_PORT[]),NORMAL",
    "table=1,priority=201,conj_id=7,ip,actions=output:3",
    "table=1,priority=201,ip,nw_src=1.2.3.4,actions=conjunction(7,1/2)",
    "table=1,priority=201,ip,nw_dst=1.2.3.5,actions=conjunction(7,2/2)",
    "table=2,priority=1,actions=clone(set_field:aa:bb:cc:dd:ee:ff->eth_dst,output:1),check_pkt_larger(1500)->reg0[0],"
        "sample(probability=100,collector_set_id=1,obs_domain_id=2,obs_point_id=3),output:2",
    "table=2,priority=2,vlan_tci=0x1005/0x1fff,actions=meter:1,group:4,write_metadata:0x1/0xff",
    "table=2,priority=3,in_port=1,actions=write_actions(group:5),goto_table:20",
    "table=3,priority=4,mpls,mpls_label=5,actions=pop_mpls:0x0800,dec_ttl,push_vlan:0x88a8,set_queue:3,output:4",
    "table=3,priority=5,in_port=2,actions=controller(max_len=77,reason=action,userdata=01.02.03,pause,meter_id=2)",
    "table=4,priority=6,reg0=0x5/0xff,xreg1=7,actions=push:NXM_NX_REG0[],pop:NXM_NX_REG1[],"
        "multipath(eth_src,50,modulo_n,4,0,reg3[0..3]),bundle(eth_src,0,hrw,ofport,members:1,2),note:01.02.03.04",
    "table=253,priority=65535,in_port=LOCAL,actions=in_port",
    "table=5,priority=1,dl_type=0x894f,nsh_spi=0x123,actions=decap(),enqueue:1:2",
};

Snapshot value_of(Result<Snapshot> result) {
    if (!result) {
        ADD_FAILURE() << result.error().message;
        return {};
    }
    return std::move(*result);
}

// The lines of what ovs-ofctl prints, without the first, which has the transaction id. The switch prints in the order of a hash.
std::vector<std::string> sorted_body(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    EXPECT_FALSE(lines.empty());
    lines.erase(lines.begin());
    std::sort(lines.begin(), lines.end());
    return lines;
}

void expect_ok(const Status& status) {
    EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
}

class OpenflowState : public testing::Test {
  protected:
    using Kinds = std::vector<std::unique_ptr<Kind>>;

    static Kinds make_kinds() {
        Kinds kinds;
        kinds.push_back(std::make_unique<state::TlvMap>());
        kinds.push_back(std::make_unique<state::Meters>());
        kinds.push_back(std::make_unique<state::Groups>());
        kinds.push_back(std::make_unique<state::Flows>());
        return kinds;
    }

    void SetUp() override {
        for (const char* bridge : {"br0", "br1"}) {
            switch_a_.ofctl("add-tlv-map", bridge,
                            {"{class=0xffff,type=0,len=4}->tun_metadata0,{class=0xffff,type=1,len=8}->tun_metadata3"});
            for (const std::string& meter : meters) {
                switch_a_.ofctl("add-meter", bridge, {meter});
            }
            // In an order that the switch takes.
            for (size_t i : {0, 1, 2, 5, 3, 4, 6}) {
                switch_a_.ofctl("add-group", bridge, {groups[i]});
            }
        }
        std::string file = switch_a_.directory() + "/flows";
        std::ofstream out(file);
        for (const std::string& flow : flows) {
            out << flow << '\n';
        }
        out.close();
        switch_a_.ofctl("add-flows", "br0", {file});
        switch_a_.ofctl("add-flow", "br1", {"table=7,in_port=1,actions=output:2"});
    }

    // Up to the hand-over.
    static void copy(instance::Control& from, instance::Control& to) {
        Kinds kinds = make_kinds();
        for (auto& kind : kinds) {
            Snapshot source = copy_to_standby(*kind, from, to);
            Snapshot target = value_of(kind->dump(to));
            expect_ok(kind->arm(from, to, source, target));
        }
    }

    // Returns what 'from' has.
    static Snapshot copy_to_standby(Kind& kind, instance::Control& from, instance::Control& to) {
        Snapshot source = value_of(kind.dump(from));
        expect_ok(kind.load(to, state::diff(kind, source, value_of(kind.dump(to)))));
        expect_none(kind, state::diff(kind, source, value_of(kind.dump(to))));
        return source;
    }

    static void expect_same(const Kind& kind, const Snapshot& expected, const Snapshot& actual) {
        expect_none(kind, state::diff(expected, actual));
    }

    static void expect_none(const Kind& kind, const Changes& changes) {
        for (const Entry& entry : changes.add) {
            ADD_FAILURE() << kind.name() << ": missing: " << kind.describe(entry);
        }
        for (const Entry& entry : changes.change) {
            ADD_FAILURE() << kind.name() << ": differs from: " << kind.describe(entry);
        }
        for (const Entry& entry : changes.remove) {
            ADD_FAILURE() << kind.name() << ": extra: " << kind.describe(entry);
        }
    }

    // What ovs-ofctl itself says of the difference.
    std::string differences(const std::string& bridge) {
        auto output = run_program({"ovs-ofctl", "-OOpenFlow15", "diff-flows", "unix:" + switch_a_.mgmt(bridge),
                                   "unix:" + switch_b_.mgmt(bridge)});
        return output ? output->standard_output + output->standard_error : output.error().message;
    }

    DummySwitch switch_a_{{"br0", "br1"}}, switch_b_{{"br0", "br1"}};
    instance::Control a_{Side::A, switch_a_.control_paths()}, b_{Side::B, switch_b_.control_paths()};
    Kinds kinds_ = make_kinds();
    Kind* flows_ = kinds_.back().get();
};

TEST_F(OpenflowState, EverythingIsCopiedAndIsThenTheSame) {
    EXPECT_EQ(value_of(kinds_[0]->dump(a_)).size(), 4u);
    EXPECT_EQ(value_of(kinds_[1]->dump(a_)).size(), 2 * meters.size());
    EXPECT_EQ(value_of(kinds_[2]->dump(a_)).size(), 2 * groups.size());
    EXPECT_EQ(value_of(kinds_[3]->dump(a_)).size(), flows.size() + 1);
    copy(a_, b_);
    EXPECT_EQ(differences("br0"), "");
    EXPECT_EQ(differences("br1"), "");
    for (const char* command : {"dump-groups", "dump-meters", "dump-tlv-map"}) {
        EXPECT_EQ(sorted_body(switch_a_.ofctl(command, "br0")), sorted_body(switch_b_.ofctl(command, "br0")));
    }
}

TEST_F(OpenflowState, WhatIsExtraIsRemovedAndWhatDiffersIsReplaced) {
    copy(a_, b_);
    switch_b_.ofctl("mod-meter", "br0", {"meter=1,kbps,band=type=drop,rate=1"});
    switch_b_.ofctl("add-meter", "br0", {"meter=4,kbps,band=type=drop,rate=1"});
    switch_b_.ofctl("mod-group", "br0", {"group_id=1,type=all,bucket=output:4"});
    switch_b_.ofctl("add-group", "br0", {"group_id=77,type=all,bucket=output:4"});
    switch_b_.ofctl("del-groups", "br0", {"group_id=9"});
    switch_b_.ofctl("add-flow", "br0", {"table=9,tcp,actions=output:1"});
    switch_b_.ofctl("add-flow", "br0", {"table=0,priority=100,cookie=0xabcdef,importance=8,idle_timeout=600,"
                                        "send_flow_rem,ip,nw_dst=10.0.0.0/8,actions=resubmit(,1)"});
    switch_b_.ofctl("del-flows", "br1");
    copy(a_, b_);
    EXPECT_EQ(differences("br0"), "");
    EXPECT_EQ(differences("br1"), "");
}

TEST_F(OpenflowState, ARoundTripLeavesTheFirstSwitchAsItWas) {
    std::vector<Snapshot> before;
    for (auto& kind : kinds_) {
        before.push_back(value_of(kind->dump(a_)));
    }
    copy(a_, b_);
    switch_a_.ofctl("del-flows", "br0");
    switch_a_.ofctl("del-groups", "br0");
    switch_a_.ofctl("del-meters", "br0");
    copy(b_, a_);
    for (size_t i = 0; i < kinds_.size(); ++i) {
        expect_same(*kinds_[i], before[i], value_of(kinds_[i]->dump(a_)));
    }
}

TEST_F(OpenflowState, FlowsThatChangeWhileFollowedAreSeen) {
    expect_ok(flows_->follow(a_));
    Snapshot snapshot = value_of(flows_->dump(a_));
    snapshot = value_of(flows_->changed_since(a_, std::move(snapshot)));
    auto changed = [&](const std::string& command, const std::vector<std::string>& arguments) {
        switch_a_.ofctl(command, "br0", arguments);
        Snapshot before = snapshot;
        snapshot = value_of(flows_->changed_since(a_, std::move(snapshot)));
        expect_same(*flows_, value_of(flows_->dump(a_)), snapshot);
        return state::diff(snapshot, before);
    };
    EXPECT_EQ(changed("add-flow", {"table=30,importance=3,send_flow_rem,tcp,actions=output:1"}).add.size(), 1u);
    EXPECT_EQ(changed("add-flow", {"table=30,importance=4,tcp,actions=output:1"}).change.size(), 1u);
    EXPECT_EQ(changed("mod-flows", {"table=30,actions=output:2"}).change.size(), 1u);
    EXPECT_EQ(changed("add-flow", {"table=0,priority=105,tun_metadata0=0x4321,actions=drop"}).add.size(), 1u);
    EXPECT_EQ(changed("add-flow", {"table=0,priority=0,cookie=5,actions=output:1"}).change.size(), 1u);
    EXPECT_EQ(changed("del-flows", {"table=30"}).remove.size(), 1u);
    EXPECT_EQ(changed("del-groups", {"group_id=4"}).remove.size(), 1u);   // takes the flow that refers to it along
    // A flow that comes and goes between two looks.
    switch_a_.ofctl("add-flow", "br0", {"table=31,actions=drop"});
    EXPECT_TRUE(changed("del-flows", {"table=31"}).empty());
    // What the datapath learns: one flow, and the one that is added here.
    EXPECT_EQ(changed("add-flow", {"table=0,priority=110,arp,actions=resubmit(,1)"}).add.size(), 1u);
    switch_a_.appctl({"netdev-dummy/receive", "br0p1",
                      "in_port(1),eth(src=50:54:00:00:00:05,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806),"
                      "arp(sip=1.1.1.1,tip=1.1.1.2,op=1,sha=50:54:00:00:00:05,tha=00:00:00:00:00:00)"});
    for (int i = 0; i < 100 && switch_a_.ofctl("dump-flows", "br0", {"table=9"}).find("priority=7") == std::string::npos; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(changed("add-flow", {"table=32,actions=drop"}).add.size(), 2u);
    // What packets of programs have it learn: told of without a change of another kind.
    auto arp = std::string("packet=ffffffffffff5054000000060806000108000604") + "0001505400000006010101010000000000000101" + "0102";
    EXPECT_EQ(changed("packet-out", {"in_port=local " + arp + " actions=resubmit(,1)"}).add.size(), 1u);
}

TEST_F(OpenflowState, FlowsAreChangedByPacketsWhereThereAreLearnActions) {
    auto changed_by_packets = [&] {
        state::Flows kind;
        Snapshot source = value_of(kind.dump(a_)), target;
        expect_ok(kind.arm(a_, b_, source, target));
        return kind.changed_by_packets();
    };
    for (const char* learn : {"learn(table=9)", "learn(table=9,limit=3)", "clone(push_vlan:0x8100,learn(table=9))"}) {
        switch_a_.ofctl("del-flows", "br0");
        switch_a_.ofctl("add-flow", "br0", {"table=1,actions=output:1"});
        EXPECT_FALSE(changed_by_packets());
        switch_a_.ofctl("add-flow", "br0", {std::string("table=1,arp,actions=") + learn});
        EXPECT_TRUE(changed_by_packets()) << learn;
    }
}

TEST_F(OpenflowState, MoreChangesThanAFlowMonitorHoldsAreSeen) {
    expect_ok(flows_->follow(a_));
    Snapshot snapshot = value_of(flows_->dump(a_));
    std::string file = switch_a_.directory() + "/many";
    {
        std::ofstream out(file);
        for (int i = 0; i < 20'000; ++i) {
            out << "table=40,tcp,tp_dst=" << i << ",actions=output:1\n";
        }
    }
    switch_a_.ofctl("add-flows", "br0", {file});
    snapshot = value_of(flows_->changed_since(a_, std::move(snapshot)));
    EXPECT_EQ(snapshot.size(), flows.size() + 1 + 20'000);
    switch_a_.ofctl("del-flows", "br0", {"table=40,tcp,tp_dst=7"});
    snapshot = value_of(flows_->changed_since(a_, std::move(snapshot)));
    expect_same(*flows_, value_of(flows_->dump(a_)), snapshot);
}

TEST_F(OpenflowState, GroupsAndMetersThatChangeWhileFollowedAreSeen) {
    for (size_t i : {1, 2}) {
        Kind& kind = *kinds_[i];
        expect_ok(kind.follow(a_));
        Snapshot snapshot = value_of(kind.dump(a_));
        auto expect_seen = [&](const std::string& command, const std::vector<std::string>& arguments) {
            switch_a_.ofctl(command, "br0", arguments);
            Snapshot before = snapshot;
            snapshot = value_of(kind.changed_since(a_, std::move(snapshot)));
            EXPECT_EQ(state::diff(snapshot, before).size(), 1u) << command;
            expect_same(kind, value_of(kind.dump(a_)), snapshot);
        };
        if (i == 1) {
            expect_seen("add-meter", {"meter=5,kbps,band=type=drop,rate=1"});
            expect_seen("mod-meter", {"meter=5,kbps,band=type=drop,rate=2"});
            expect_seen("del-meter", {"meter=5"});
        } else {
            expect_seen("add-group", {"group_id=50,type=all"});
            expect_seen("mod-group", {"group_id=50,type=all,bucket=output:1"});
            expect_seen("insert-buckets", {"group_id=50,command_bucket_id=last,bucket=bucket_id:3,output:2"});
            expect_seen("del-groups", {"group_id=50"});
        }
    }
}

TEST_F(OpenflowState, GroupsThatReferToEachOtherInACircleAreCopied) {
    switch_a_.ofctl("add-group", "br0", {"group_id=60,type=all"});
    switch_a_.ofctl("add-group", "br0", {"group_id=61,type=select,bucket=group:60"});
    switch_a_.ofctl("mod-group", "br0", {"group_id=60,type=all,bucket=group:61"});
    copy(a_, b_);
}

TEST_F(OpenflowState, AFlowThatChecksOverlapIsCopiedAfterTheFlowThatOverlaps) {
    switch_a_.ofctl("add-flow", "br0", {"table=50,priority=9,check_overlap,tcp,actions=drop"});
    switch_a_.ofctl("add-flow", "br0", {"table=50,priority=9,ip,nw_src=1.1.1.1,actions=drop"});
    switch_b_.ofctl("add-flow", "br0", {"table=50,priority=9,ip,nw_src=1.1.1.1,actions=drop"});
    copy(a_, b_);
    EXPECT_NE(switch_b_.ofctl("dump-flows", "br0", {"table=50"}).find("check_overlap"), std::string::npos);
}

// To a standby, which no packets come to.
TEST_F(OpenflowState, ARefusedFlowIsNamedAndTheOthersAreMade) {
    Snapshot snapshot = value_of(flows_->dump(a_));
    Status loaded = flows_->load(b_, {snapshot, {}, {}});   // B has no meters, groups and TLV map
    ASSERT_FALSE(loaded.ok());
    EXPECT_NE(loaded.error().message.find("OFPT_FLOW_MOD"), std::string::npos) << loaded.error().message;
    EXPECT_NE(loaded.error().message.find("br0"), std::string::npos);
    Changes missing = state::diff(*flows_, snapshot, value_of(flows_->dump(b_)));
    EXPECT_FALSE(missing.add.empty());
    EXPECT_LT(missing.add.size(), snapshot.size() / 2);
    for (const Entry& entry : missing.add) {
        auto text = flows_->describe(entry);
        EXPECT_TRUE(text.find("group:") != std::string::npos || text.find("meter:") != std::string::npos ||
                    text.find("tun_metadata") != std::string::npos) << text;
    }
}

// The text between 'name' and the next comma or space in what ovs-ofctl prints of the flows 'match'; empty without any.
std::string field_of(const DummySwitch& of, const std::string& match, const std::string& name) {
    std::string text = of.ofctl("dump-flows", "br0", {match});
    size_t at = text.find(name + "=");
    return at == std::string::npos ? "" : text.substr(at + name.size() + 1, text.find_first_of(", ", at) - at - name.size() - 1);
}

// A TCP segment with FIN that goes through the tables from table 70 on.
const char* const fin_packet = "in_port=local packet=505400000006505400000005" "0800" "4500002800000000" "40060000" "0a000001" "0a000002"
                               "00010002" "00000001" "00000001" "50112000" "00000000 actions=resubmit(,70)";

TEST_F(OpenflowState, TimeoutsThatAPacketShortensAreShortenedInTheCopy) {
    constexpr auto flow = "table=70,tcp,idle_timeout=500,hard_timeout=600,actions=fin_timeout(idle_timeout=40,hard_timeout=50),output:1";
    auto idle = [](const DummySwitch& of) { return field_of(of, "table=70,tcp", "idle_timeout"); };
    for (bool armed : {false, true}) {
        state::Flows kind;
        switch_a_.ofctl("del-flows", "br0");
        switch_a_.ofctl("add-flow", "br0", {flow});
        expect_ok(kind.follow(a_));
        auto copied = state::copy_kind(kind, a_, b_);
        ASSERT_TRUE(copied) << copied.error().message;
        if (armed) {
            expect_ok(kind.arm(a_, b_, copied->source, copied->target));
            EXPECT_EQ(idle(switch_b_), "500");
            EXPECT_TRUE(kind.changed_by_packets());
            kind.packets_wait();
        }
        switch_a_.ofctl("packet-out", "br0", {fin_packet});
        ASSERT_EQ(idle(switch_a_), "40");
        auto delta = state::delta(kind, a_, b_, *copied);
        ASSERT_TRUE(delta) << delta.error().message;
        EXPECT_EQ(delta->copied, armed ? 1u : 0u);
        if (!armed) {
            expect_ok(kind.arm(a_, b_, copied->source, copied->target));
        }
        EXPECT_EQ(idle(switch_b_), "40");
        EXPECT_EQ(value_of(kind.dump(a_)), copied->source);
        EXPECT_EQ(state::delta(kind, a_, b_, *copied)->copied, 0u);
    }
}

TEST_F(OpenflowState, PacketsDoNotWaitForTooManyTimeoutsThatMayHaveBeenShortened) {
    state::Flows kind;
    switch_a_.ofctl("del-flows", "br0");
    std::string file = switch_a_.directory() + "/many";
    {
        std::ofstream out(file);
        out << "table=70,tcp,idle_timeout=500,actions=fin_timeout(idle_timeout=40)\n";
        for (int i = 0; i < 200; ++i) {
            out << "table=71,tcp,tp_dst=" << i << ",idle_timeout=500,actions=fin_timeout(idle_timeout=40)\n";
        }
    }
    switch_a_.ofctl("add-flows", "br0", {file});
    expect_ok(kind.follow(a_));
    auto copied = state::copy_kind(kind, a_, b_);
    ASSERT_TRUE(copied) << copied.error().message;
    kind.packets_wait();
    auto seen = [&] {
        switch_a_.ofctl("packet-out", "br0", {fin_packet});
        EXPECT_EQ(field_of(switch_a_, "table=70,tcp", "idle_timeout"), "40");
        copied->source = value_of(kind.changed_since(a_, std::move(copied->source)));
        return std::ranges::any_of(copied->source, [](const Entry& flow) { return openflow::timeouts_of(flow.value).idle == 40; });
    };
    EXPECT_FALSE(seen());
    switch_a_.ofctl("del-flows", "br0", {"table=71,tcp,tp_dst=1"});
    switch_a_.ofctl("add-flow", "br0", {"table=70,tcp,idle_timeout=500,actions=fin_timeout(idle_timeout=40)"});
    copied->source = value_of(kind.changed_since(a_, std::move(copied->source)));
    EXPECT_TRUE(seen());
}

TEST_F(OpenflowState, BucketsOfGroupsNeitherLearnNorShortenTimeouts) {   // so that Flows looks for such actions in flows alone
    switch_a_.ofctl("del-flows", "br0");
    switch_a_.ofctl("add-group", "br0", {"group_id=900,type=all,bucket=actions=learn(table=72),output:1,"
                                         "bucket=actions=fin_timeout(idle_timeout=40),output:1"});
    switch_a_.ofctl("add-flow", "br0", {"table=70,tcp,idle_timeout=500,actions=group:900"});
    switch_a_.ofctl("packet-out", "br0", {fin_packet});
    EXPECT_EQ(field_of(switch_a_, "table=70,tcp", "n_packets"), "1");
    EXPECT_EQ(field_of(switch_a_, "table=70,tcp", "idle_timeout"), "500");
    EXPECT_EQ(field_of(switch_a_, "table=72", "n_packets"), "");
    switch_a_.ofctl("del-groups", "br0", {"group_id=900"});
}

TEST_F(OpenflowState, HardTimeoutsGoOnWhereTheyWere) {
    switch_a_.ofctl("add-flow", "br0", {"table=70,priority=1,hard_timeout=100,actions=drop"});
    switch_a_.ofctl("add-flow", "br0", {"table=71,hard_timeout=100,tun_metadata0=1,tun_metadata3=2/2,actions=drop"});
    switch_a_.ofctl("add-flow", "br0", {"table=72,hard_timeout=100,ipv6,actions=drop"});
    std::this_thread::sleep_for(std::chrono::milliseconds(3100));
    switch_a_.ofctl("mod-flows", "br0", {"table=72,actions=output:1"});   // begins anew, as a learn action makes it do
    Kind& flows = *flows_;
    for (size_t i = 0; i < 3; i++) {
        copy_to_standby(*kinds_[i], a_, b_);
    }
    Snapshot source = copy_to_standby(flows, a_, b_);
    EXPECT_EQ(field_of(switch_b_, "table=70", "hard_timeout"), "");
    Snapshot target;
    expect_ok(flows.arm(a_, b_, source, target));
    EXPECT_EQ(target, source);
    auto elapsed = std::stod(field_of(switch_a_, "table=70", "duration"));
    for (const char* table : {"table=70", "table=71"}) {
        double left = std::stod("0" + field_of(switch_b_, table, "hard_timeout"));
        EXPECT_LE(left, 97) << table;
        EXPECT_GE(left, 100 - elapsed) << table;   // not earlier than in A
    }
    EXPECT_GE(std::stod("0" + field_of(switch_b_, "table=72", "hard_timeout")), 100 - (elapsed - 3));
}

TEST_F(OpenflowState, IdleTimeoutsRunOnlyFromTheHandOver) {
    switch_a_.ofctl("add-flow", "br1", {"table=70,idle_timeout=1,actions=drop"});
    copy_to_standby(*kinds_[0], a_, b_);
    copy_to_standby(*kinds_[1], a_, b_);
    copy_to_standby(*kinds_[2], a_, b_);
    Snapshot source = copy_to_standby(*flows_, a_, b_), target;
    auto there = [&] { return switch_b_.ofctl("dump-flows", "br1", {"table=70"}).find("table=70") != std::string::npos; };
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    EXPECT_TRUE(there());
    auto began = std::chrono::steady_clock::now();
    expect_ok(flows_->arm(a_, b_, source, target));
    while (there() && std::chrono::steady_clock::now() - began < std::chrono::seconds(10)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
    EXPECT_FALSE(there());
}

TEST_F(OpenflowState, AFlowThatIsArmedLosesNothingThatItHasLearned) {
    switch_a_.ofctl("add-flow", "br0", {"table=70,idle_timeout=500,actions=learn(table=71,cookie=0x71,delete_learned,eth_type=0x800)"});
    switch_a_.ofctl("add-flow", "br0", {"table=71,cookie=0x71,ip,actions=drop"});
    switch_a_.ofctl("add-flow", "br0", {"table=71,cookie=0x71,ipv6,idle_timeout=400,actions=drop"});
    copy(a_, b_);
    EXPECT_EQ(differences("br0"), "");
    copy(b_, a_);   // and where it is there already
    EXPECT_EQ(differences("br0"), "");
    EXPECT_EQ(field_of(switch_b_, "table=71,ipv6", "idle_timeout"), "400");
}

TEST_F(OpenflowState, AFlowWhoseIdleTimeBeginsAnewLosesNothingThatItHasLearned) {
    switch_a_.ofctl("add-flow", "br0", {"table=70,idle_timeout=500,actions=learn(table=71,cookie=0x71,delete_learned,eth_type=0x800)"});
    switch_a_.ofctl("add-flow", "br0", {"table=71,cookie=0x71,ip,actions=drop"});
    switch_a_.ofctl("add-flow", "br0", {"table=71,cookie=0x71,ipv6,idle_timeout=400,actions=drop"});
    Snapshot timed = value_of(flows_->dump(a_));
    std::erase_if(timed, [](const state::Entry& flow) { return !openflow::timeouts_of(flow.value).any(); });
    ASSERT_GE(timed.size(), 2u);
    expect_ok(state::restart_idle(timed, a_));
    for (const char* flow : {"table=70", "table=71,ip", "table=71,ipv6"}) {
        EXPECT_NE(switch_a_.ofctl("dump-flows", "br0", {flow}).find("actions="), std::string::npos) << flow;
        EXPECT_EQ(field_of(switch_a_, flow, "idle_timeout"), "") << flow;
    }
}

TEST_F(OpenflowState, TimedFlowsAreLoadedWithWhatIsLeftThen) {
    switch_a_.ofctl("add-flow", "br0", {"table=70,hard_timeout=100,idle_timeout=50,actions=drop"});
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    auto timed = state::read_timed(a_, value_of(flows_->dump(a_)));
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
    expect_ok(state::load_timed(timed, a_));
    EXPECT_EQ(field_of(switch_a_, "table=70", "idle_timeout"), "50");
    double left = std::stod("0" + field_of(switch_a_, "table=70", "hard_timeout"));
    EXPECT_LE(left, 98);
    EXPECT_GT(left, 60);
}

TEST_F(OpenflowState, ATlvMappingThatIsGoneTakesItsFlowsAlong) {
    copy(a_, b_);
    switch_a_.ofctl("del-flows", "br0", {"table=0"});
    switch_a_.ofctl("del-tlv-map", "br0", {"{class=0xffff,type=1,len=8}->tun_metadata3"});
    switch_a_.ofctl("add-tlv-map", "br0", {"{class=0xffff,type=2,len=16}->tun_metadata3"});
    switch_a_.ofctl("add-flow", "br0", {"table=0,tun_metadata3=5,actions=drop"});
    copy(a_, b_);
    EXPECT_EQ(differences("br0"), "");
}

// OpenFlow 1.5 tells of the first ones something else than what they do, or what it does not take back.
TEST_F(OpenflowState, ActionsOfOpenflow10StayWhatTheyAre) {
    const std::vector<std::string> old_flows = {
        "table=6,priority=1,in_port=1,actions=mod_vlan_vid:10,output:2",
        "table=6,in_port=3,actions=mod_nw_dst:1.2.3.4",
        "table=6,in_port=4,actions=fin_timeout(idle_timeout=5),output:2",
        "table=6,priority=2,in_port=1,idle_timeout=600,hard_timeout=700,send_flow_rem,cookie=0x77,actions=mod_vlan_pcp:3,output:2",
        "table=6,priority=3,in_port=1,actions=mod_nw_dst:1.2.3.4,mod_tp_dst:80,output:2",
        "table=6,priority=4,in_port=1,check_overlap,actions=dec_ttl,pop_mpls:0x0800,output:2",
        "table=6,priority=5,in_port=1,actions=set_queue:1,enqueue:2:3,output:3",
        "table=6,priority=6,in_port=1,tcp,actions=mod_vlan_vid:7,mod_tp_src:9,mod_nw_tos:8,output:2",
        "table=6,priority=7,in_port=1,actions=clone(mod_vlan_vid:5,output:1),learn(table=9,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),output:2",
        "table=6,priority=12,in_port=1,actions=strip_vlan,output:2",
    };
    const std::vector<std::string> new_flows = {
        "table=6,priority=21,in_port=1,actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:2",
        "table=6,priority=22,in_port=1,actions=set_queue:3,output:2,pop_queue",
        "table=6,priority=23,in_port=1,ip,actions=set_field:1.2.3.4->ip_dst,dec_ttl,write_actions(output:2)",
    };
    auto add = [&](const std::string& version, const std::string& flow) {
        auto added = run_program({"ovs-ofctl", "-O" + version, "add-flow", "unix:" + switch_a_.mgmt("br0"), flow});
        ASSERT_TRUE(added && added->exit_status == 0) << flow;
    };
    auto shown = [&](const DummySwitch& one, instance::Control& control) {
        // Only the switch itself tells mod_vlan_vid from push_vlan and set_field.
        std::vector<std::string> lines = sorted_body("\n" + std::regex_replace(*control.call("bridge/dump-flows", {"br0"}),
                                                                               std::regex("duration=.*, n_bytes=[0-9]*, "), ""));
        for (const char* version : {"OpenFlow10", "OpenFlow15"}) {
            auto told = run_program({"ovs-ofctl", std::string("-O") + version, "dump-flows", "--no-stats", "unix:" + one.mgmt("br0"), "table=6"});
            std::ranges::copy(sorted_body("\n" + told->standard_output), std::back_inserter(lines));
        }
        return lines;
    };
    for (const auto& flow : old_flows) {
        add("OpenFlow10", flow);
    }
    for (const auto& flow : new_flows) {
        add("OpenFlow15", flow);
    }
    auto before = shown(switch_a_, a_);
    EXPECT_THAT(before, testing::Contains(testing::HasSubstr("actions=mod_vlan_vid:10,output:2")));
    EXPECT_THAT(before, testing::Contains(testing::HasSubstr("actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:2")));
    copy(a_, b_);
    EXPECT_EQ(shown(switch_b_, b_), before);
    copy(b_, a_);
    EXPECT_EQ(shown(switch_a_, a_), before);

    expect_ok(flows_->follow(a_));
    Snapshot source = value_of(flows_->dump(a_));
    add("OpenFlow10", "table=6,priority=1,in_port=1,actions=mod_vlan_vid:11,output:2");
    Snapshot now = value_of(flows_->changed_since(a_, source));
    auto changes = state::diff(now, source);
    ASSERT_EQ(changes.change.size(), 1u);
    EXPECT_NE(flows_->describe(changes.change[0]).find("mod_vlan_vid:11"), std::string::npos);
    expect_ok(flows_->load(b_, changes));
    EXPECT_EQ(shown(switch_b_, b_), shown(switch_a_, a_));
}

TEST_F(OpenflowState, AGroupThatRefersToOneThatIsGoneIsCopied) {
    switch_a_.ofctl("add-group", "br1", {"group_id=60,type=all"});
    switch_a_.ofctl("add-group", "br1", {"group_id=61,type=all,bucket=group:60"});
    switch_a_.ofctl("add-group", "br1", {"group_id=62,type=ff,bucket=watch_group:60,output:1"});
    switch_a_.ofctl("del-groups", "br1", {"group_id=60"});
    copy(a_, b_);
}

// Kinds by which nothing of the fixture's tables is changed.
class BridgeSettings : public OpenflowState {
  protected:
    // Copies A to B and back after 'forget' has put A back to its defaults; returns what A's entries say.
    std::vector<std::string> round_trip(Kind& kind, const std::function<void()>& forget) {
        Snapshot before = copy_to_standby(kind, a_, b_);
        expect_same(kind, before, value_of(kind.dump(b_)));
        forget();
        copy_to_standby(kind, b_, a_);
        expect_same(kind, before, value_of(kind.dump(a_)));
        std::vector<std::string> texts;
        for (const Entry& entry : before) {
            texts.push_back(kind.describe(entry));
        }
        return texts;
    }
};

TEST_F(BridgeSettings, TablesKeepEvictionAndVacancyEvents) {
    switch_a_.ofctl("mod-table", "br0", {"3", "evict"});
    switch_a_.ofctl("mod-table", "br0", {"4", "vacancy:20,80"});
    switch_a_.ofctl("mod-table", "br1", {"5", "evict"});
    switch_b_.ofctl("mod-table", "br1", {"6", "evict"});   // must go
    state::TableConfig kind;
    EXPECT_EQ(round_trip(kind, [&] { switch_a_.ofctl("mod-table", "br0", {"all", "noevict"}); }),
              (std::vector<std::string>{"br0: table=3,evict", "br0: table=4,vacancy:20,80", "br1: table=5,evict"}));
    switch_a_.ofctl("mod-table", "br0", {"4", "vacancy:30,70"});
    copy_to_standby(kind, a_, b_);
    EXPECT_NE(switch_b_.ofctl("dump-table-desc", "br0").find("vacancy_down=30% vacancy_up=70%"), std::string::npos);
}

TEST_F(BridgeSettings, PortsKeepWhatOpenflowHasSet) {
    auto mod_port = [](const DummySwitch& of, const std::string& port, const std::string& what) {
        ASSERT_TRUE(run_checked({"ovs-ofctl", "mod-port", "unix:" + of.mgmt("br0"), port, what}).ok());
    };
    for (const char* what : {"no-flood", "no-packet-in"}) {
        mod_port(switch_a_, "br0p1", what);
    }
    mod_port(switch_a_, "br0p2", "no-receive");
    mod_port(switch_a_, "br0p3", "no-forward");
    mod_port(switch_b_, "br0p4", "no-flood");   // must go
    state::PortConfig kind;
    EXPECT_EQ(round_trip(kind, [&] { mod_port(switch_a_, "br0p1", "flood"); mod_port(switch_a_, "br0p3", "forward"); }),
              (std::vector<std::string>{"br0: port 1: no-flood no-packet-in", "br0: port 2: no-receive",
                                        "br0: port 3: no-forward"}));
}

TEST_F(BridgeSettings, BridgesKeepTheirGenerationId) {
    state::Generation kind;
    EXPECT_TRUE(value_of(kind.dump(a_)).empty());
    auto give = [](const DummySwitch& of, uint64_t id) {
        auto connection = openflow::Connection::open(of.mgmt("br0"), "br0");
        return connection ? openflow::set_generation(*connection, id) : Status(connection.error());
    };
    expect_ok(give(switch_a_, 0x123456789abcdef0));
    EXPECT_EQ(copy_to_standby(kind, a_, b_).size(), 1u);
    EXPECT_FALSE(give(switch_b_, 0x123456789abcdeef).ok());   // stale there, too
    expect_ok(give(switch_b_, 0x123456789abcdef1));
    copy_to_standby(kind, b_, a_);
    EXPECT_FALSE(give(switch_a_, 0x123456789abcdef0).ok());
    EXPECT_EQ(switch_b_.ofctl("dump-flows", "br1", {"table=7"}).find("in_port=1"), std::string::npos);
    expect_ok(flows_->load(b_, {{}, {}, value_of(flows_->dump(b_))}));   // the kinds' own connection is still no slave's
}

TEST_F(BridgeSettings, BridgesKeepWhatTheyDoWithFragments) {
    state::Fragments kind;
    EXPECT_TRUE(value_of(kind.dump(a_)).empty());
    for (const char* handling : {"drop", "nx-match"}) {
        switch_a_.ofctl("set-frags", "br1", {handling});
        auto copied = copy_to_standby(kind, a_, b_);
        ASSERT_EQ(copied.size(), 1u);
        EXPECT_EQ(kind.describe(copied[0]), std::string("br1: fragments: ") + handling);
        EXPECT_EQ(switch_b_.ofctl("get-frags", "br1"), std::string(handling) + "\n");
    }
    switch_a_.ofctl("set-frags", "br1", {"normal"});
    EXPECT_TRUE(copy_to_standby(kind, a_, b_).empty());
    EXPECT_EQ(switch_b_.ofctl("get-frags", "br1"), "normal\n");
    switch_b_.ofctl("set-frags", "br0", {"drop"});
    copy_to_standby(kind, b_, a_);
    EXPECT_EQ(switch_a_.ofctl("get-frags", "br0"), "drop\n");
}

TEST_F(OpenflowState, MetersOfAllKindsAreCopied) {
    for (const char* meter : {"meter=11,kbps,burst,stats,band=type=drop,rate=10,burst_size=2", "meter=12,pktps,stats,band=type=drop,rate=7",
                              "meter=slowpath,pktps,burst,band=type=drop,rate=9,burst_size=3"}) {
        switch_a_.ofctl("add-meter", "br1", {meter});
    }
    switch_b_.ofctl("add-meter", "br1", {"meter=99,kbps,band=type=drop,rate=1"});
    copy(a_, b_);
    EXPECT_EQ(sorted_body(switch_a_.ofctl("dump-meters", "br1")), sorted_body(switch_b_.ofctl("dump-meters", "br1")));
    switch_a_.ofctl("del-meter", "br1", {"meter=slowpath"});
    switch_a_.ofctl("del-meter", "br1", {"meter=controller"});
    copy(a_, b_);
    EXPECT_EQ(sorted_body(switch_a_.ofctl("dump-meters", "br1")), sorted_body(switch_b_.ofctl("dump-meters", "br1")));
}

TEST_F(OpenflowState, PacketOutsAreAllCarriedOut) {
    switch_a_.ofctl("add-flow", "br1", {"table=60,priority=1,cookie=0x60,actions=drop"});
    std::vector<uint8_t> frame(60, 0x02);
    std::vector<openflow::PacketOut> packets(3000, {1, frame, "resubmit(,60)"});
    auto connection = a_.openflow("br1");
    ASSERT_TRUE(connection.ok());
    expect_ok((*connection)->packet_outs(packets));
    EXPECT_NE(switch_a_.ofctl("dump-aggregate", "br1", {"table=60"}).find("packet_count=3000 "), std::string::npos);
    packets.assign(3000, {1, frame, "group:999"});   // every one is refused: more answers than sockets hold
    Status refused = (*connection)->packet_outs(packets);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("OFPT_PACKET_OUT"), std::string::npos) << refused.error().message;
    EXPECT_TRUE((*connection)->usable());
}

TEST_F(OpenflowState, EntriesAreDescribedInTheWordsOfOfctl) {
    bool seen = false;
    for (const Entry& entry : value_of(flows_->dump(a_))) {
        seen = seen || flows_->describe(entry) ==
                           "br0: table=1, priority=201,ip,nw_src=1.2.3.4 actions=conjunction(7,1/2)";
    }
    EXPECT_TRUE(seen);
    EXPECT_EQ(kinds_[0]->describe(value_of(kinds_[0]->dump(a_))[1]), "br0: {class=0xffff,type=0x1,len=8}->tun_metadata3");
    EXPECT_EQ(kinds_[1]->describe(value_of(kinds_[1]->dump(a_))[1]), "br0: meter=2 pktps bands= type=drop rate=100");
    EXPECT_EQ(kinds_[2]->describe(value_of(kinds_[2]->dump(a_))[6]), "br0: group_id=10,type=all");
}

}  // namespace
}  // namespace hitless
