// Flow tables made at random that a real switch accepts: after a copy two switches have the same, by our own words and by those of
// ovs-ofctl.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <fstream>
#include <random>

#include "dummy_switch.h"
#include "state/flows.h"
#include "state/groups.h"
#include "state/meters.h"
#include "state/tlv_map.h"

namespace hitless {
namespace {

using test::DummySwitch;

class Generator {
  public:
    explicit Generator(uint32_t seed) : random_(seed) {}

    std::string flow() {
        unsigned table = number(0, 200);
        std::string text = fmt::format("table={},priority={}", table, number(0, 65535));
        if (coin()) {
            text += fmt::format(",cookie={:#x}", number(0, UINT32_MAX));
        }
        for (const char* flag : {"send_flow_rem", "no_packet_counts", "no_byte_counts", "reset_counts"}) {
            text += number(0, 7) ? "" : fmt::format(",{}", flag);
        }
        if (!number(0, 3)) {
            text += fmt::format(",idle_timeout={}", number(10'000, 65535));
        }
        if (!number(0, 3)) {
            text += fmt::format(",importance={}", number(0, 65535));
        }
        return text + match() + ",actions=" + actions(table);
    }

  private:
    uint32_t number(uint32_t low, uint32_t high) { return std::uniform_int_distribution<uint32_t>(low, high)(random_); }
    bool coin() { return number(0, 1); }
    std::string mac() { return fmt::format("{:02x}:{:02x}:00:00:{:02x}:01", number(0, 127) * 2, number(0, 255), number(0, 255)); }
    std::string ip() { return fmt::format("10.{}.{}.{}", number(0, 255), number(0, 255), number(0, 255)); }
    std::string ip6() { return fmt::format("2001:db8::{:x}:{:x}", number(1, 65535), number(1, 65535)); }
    std::string port() {
        uint32_t mask = number(1, 65535);
        return coin() ? std::to_string(number(0, 65535)) : fmt::format("{:#x}/{:#x}", number(0, 65535) & mask, mask);
    }
    std::string masked32() {
        uint32_t mask = number(1, UINT32_MAX);
        return fmt::format("{:#x}/{:#x}", number(0, UINT32_MAX) & mask, mask);
    }

    // Fields that go with any packet.
    std::string metadata() {
        switch (number(0, 11)) {
        case 0: return fmt::format(",in_port={}", number(1, 4));
        case 1: return fmt::format(",reg{}={}", number(0, 15), masked32());
        case 2: return fmt::format(",metadata={:#x}", number(0, UINT32_MAX));
        case 3: return fmt::format(",tun_id={:#x}/0xffff", number(0, 65535));
        case 4: return fmt::format(",tun_src={}", ip());
        case 5: return fmt::format(",tun_metadata{}={:#x}", 3 * number(0, 1), number(0, 1000));
        case 6: return fmt::format(",ct_mark={}", masked32());
        case 7: return fmt::format(",ct_label={:#x}", number(0, UINT32_MAX));
        case 8: return fmt::format(",ct_zone={}", number(0, 65535));
        case 9: return fmt::format(",pkt_mark={}", masked32());
        case 10: return fmt::format(",xxreg{}={:#x}", number(0, 3), number(0, UINT32_MAX));
        default: return "";
        }
    }

    std::string ethernet() {
        std::string text;
        if (coin()) {
            text += fmt::format(",dl_src={}", mac());
        }
        if (!number(0, 2)) {
            text += fmt::format(",dl_dst={}/ff:ff:00:00:00:00", fmt::format("{:02x}:{:02x}:00:00:00:00", number(0, 255), number(0, 255)));
        }
        switch (number(0, 4)) {
        case 0: return text + fmt::format(",dl_vlan={}", number(0, 4094));
        case 1: return text + fmt::format(",dl_vlan_pcp={}", number(0, 7));
        case 2: return text + ",vlan_tci=0x1000/0x1000";
        default: return text;
        }
    }

    std::string protocol() {
        switch (number(0, 12)) {
        case 0: return fmt::format(",ip,nw_src={}/{}", ip(), number(8, 32));
        case 1: return fmt::format(",ip,nw_tos={},ip_frag=later", number(0, 63) * 4);
        case 2: return fmt::format(",tcp,nw_dst={},tp_dst={}", ip(), port());
        case 3: return ",tcp,tcp_flags=+syn-ack";
        case 4: return fmt::format(",udp,tp_src={},tp_dst={}", port(), port());
        case 5: return fmt::format(",icmp,icmp_type={},icmp_code={}", number(0, 255), number(0, 255));
        case 6: return fmt::format(",arp,arp_op={},arp_spa={},arp_sha={}", number(1, 2), ip(), mac());
        case 7: return fmt::format(",ipv6,ipv6_dst={}/{}", ip6(), number(16, 128));
        case 8: return fmt::format(",tcp6,ipv6_src={},tp_dst={}", ip6(), port());
        case 9: return fmt::format(",icmp6,icmp_type=135,nd_target={}", ip6());
        case 10: return fmt::format(",mpls,mpls_label={},mpls_bos={}", number(0, 1048575), number(0, 1));
        case 11: return fmt::format(",ct_state=+trk+est{}rpl,ip,ct_nw_src={}", coin() ? "+" : "-", ip());
        default: return fmt::format(",sctp,tp_dst={}", port());
        }
    }

    std::string match() {
        std::string text = metadata();
        if (number(0, 4)) {
            text += ethernet();
        }
        return number(0, 5) ? text + protocol() : text;
    }

    std::string action() {
        switch (number(0, 21)) {
        case 0: return fmt::format("output:{}", number(1, 4));
        case 1: return fmt::format("set_field:{:#x}->reg{}", number(0, UINT32_MAX), number(0, 15));
        case 2: return fmt::format("set_field:{}->eth_dst", mac());
        case 3: return fmt::format("move:NXM_OF_ETH_SRC[0..{0}]->NXM_NX_REG{1}[0..{0}]", number(0, 31), number(0, 15));
        case 4: return fmt::format("resubmit(,{})", number(0, 253));
        case 5: return fmt::format("mod_vlan_vid:{}", number(1, 4094));
        case 6: return fmt::format("clone(set_field:{}->eth_src,output:{})", mac(), number(1, 4));
        case 7: return fmt::format("group:{}", number(1, 3));
        case 8: return fmt::format("learn(table={},idle_timeout={},priority={},cookie={:#x},NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
                                   "load:{:#x}->NXM_NX_REG{}[],output:NXM_OF_IN_PORT[])", number(0, 253), number(0, 65535),
                                   number(0, 65535), number(0, UINT32_MAX), number(0, 65535), number(0, 15));
        case 9: return fmt::format("check_pkt_larger({})->reg{}[{}]", number(64, 9000), number(0, 15), number(0, 31));
        case 10: return fmt::format("bundle(eth_src,{},hrw,ofport,members:1,2)", number(0, 65535));
        case 11: return fmt::format("multipath(eth_src,{},modulo_n,{},0,reg{}[0..7])", number(0, 65535), number(1, 255), number(0, 15));
        case 12: return fmt::format("push:NXM_NX_REG{}[],pop:NXM_NX_REG{}[]", number(0, 15), number(0, 15));
        case 13: return fmt::format("controller(max_len={},userdata={:02x}.{:02x},reason=action)", number(0, 65535), number(0, 255),
                                    number(0, 255));
        case 14: return fmt::format("sample(probability={},collector_set_id={},obs_domain_id={},obs_point_id={})",
                                    number(1, 65535), number(0, 99), number(0, 99), number(0, 99));
        case 15: return fmt::format("note:{:02x}.{:02x}.{:02x}.{:02x}.{:02x}.{:02x}", number(0, 255), 1, 2, 3, 4, 5);
        case 16: return fmt::format("output:NXM_NX_REG{}[0..15]", number(0, 15));
        case 17: return fmt::format("set_queue:{},pop_queue", number(0, 100));
        case 18: return fmt::format("enqueue:{}:{}", number(1, 4), number(0, 9));
        case 19: return fmt::format("set_tunnel64:{:#x}", number(0, UINT32_MAX));
        case 20: return "NORMAL";
        default: return fmt::format("set_field:{:#x}->tun_metadata3", number(0, UINT32_MAX));
        }
    }

    std::string actions(unsigned table) {
        if (!number(0, 9)) {
            return "drop";
        }
        std::string text = number(0, 5) ? "" : "meter:1,";
        for (unsigned i = number(1, 4); i; --i) {
            text += action() + (i > 1 ? "," : "");
        }
        if (!number(0, 3)) {
            text += fmt::format(",write_actions(output:{})", number(1, 4));
        }
        if (!number(0, 3)) {
            text += fmt::format(",write_metadata:{}", masked32());
        }
        return number(0, 2) ? text : text + fmt::format(",goto_table:{}", number(table + 1, 253));
    }

    std::mt19937 random_;
};

TEST(OpenflowProperty, ARandomTableIsTheSameAfterACopy) {
    constexpr size_t flows = 2'000;
    DummySwitch a({"br0"}), b({"br0"});
    a.ofctl("add-tlv-map", "br0", {"{class=0xffff,type=0,len=4}->tun_metadata0,{class=0xffff,type=1,len=8}->tun_metadata3"});
    a.ofctl("add-meter", "br0", {"meter=1,pktps,band=type=drop,rate=100"});
    for (int group : {1, 2, 3}) {
        a.ofctl("add-group", "br0", {fmt::format("group_id={},type=all,bucket=output:1", group)});
    }
    instance::Control from(Side::A, a.control_paths()), to(Side::B, b.control_paths());
    for (uint32_t seed : {1u, 2u, 3u}) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Generator generator(seed);
        std::string file = a.directory() + "/flows";
        std::ofstream out(file);
        for (size_t i = 0; i < flows; ++i) {
            out << generator.flow() << '\n';
        }
        out.close();
        a.ofctl("del-flows", "br0");
        a.ofctl("add-flows", "br0", {file});   // throws where one is refused
        state::TlvMap tlv_map;
        state::Meters meters;
        state::Groups groups;
        state::Flows kind;
        for (state::Kind* one : std::initializer_list<state::Kind*>{&tlv_map, &meters, &groups, &kind}) {
            auto source = one->dump(from), target = one->dump(to);
            ASSERT_TRUE(source.ok() && target.ok());
            auto loaded = one->load(to, state::diff(*one, *source, *target));
            ASSERT_TRUE(loaded.ok()) << loaded.error().message;
            ASSERT_TRUE(one->arm(from, to, *source, *target).ok());
            target = one->dump(to);
            ASSERT_TRUE(target.ok());
            auto left = state::diff(*source, *target);
            EXPECT_TRUE(left.empty()) << one->name() << ": " << left.add.size() << " missing, " << left.change.size()
                                      << " differ, " << left.remove.size() << " extra";
            if (one == &kind) {
                EXPECT_GT(source->size(), flows * 9 / 10);   // few of the same match
            }
        }
        auto output = run_program({"ovs-ofctl", "-OOpenFlow15", "diff-flows", "unix:" + a.mgmt("br0"), "unix:" + b.mgmt("br0")});
        ASSERT_TRUE(output.ok());
        EXPECT_EQ(output->standard_output + output->standard_error, "");
    }
}

}  // namespace
}  // namespace hitless
