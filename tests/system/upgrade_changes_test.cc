// The operator's changes of the configuration while there are two instances, with hosts on veth pairs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "base/fd.h"
#include "upgrade_lab.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using test::Command;
using test::eventually;
using Clock = std::chrono::steady_clock;

class Changes : public testing::Test {
  protected:
    Changes() {
        lab.vsctl({"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"});
        for (int i = 1; i <= 3; i++) {
            add_host("h" + std::to_string(i), "10.1.0." + std::to_string(i));
        }
        lab.vsctl({"add-port", "br0", "ph1", "--", "add-port", "br0", "ph3"});
    }
    ~Changes() override {
        lab.run({"sh", "-c", "for b in $(ovs-vsctl list-br); do ovs-vsctl -t10 del-br $b; done"});   // with their taps
        for (const char* host : {"h1", "h2", "h3"}) {
            lab.run({"ip", "link", "delete", std::string("p") + host});
            lab.run({"ip", "netns", "delete", host});
        }
    }
    void add_host(const std::string& name, const std::string& address) {
        lab.run({"ip", "netns", "add", name});
        lab.run({"ip", "link", "add", "p" + name, "type", "veth", "peer", "name", "eth0", "netns", name});
        lab.run({"ip", "link", "set", "p" + name, "up"});
        lab.run({"ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1"});   // it speaks unasked
        lab.run({"ip", "-n", name, "address", "add", address + "/24", "dev", "eth0"});
        lab.run({"ip", "-n", name, "link", "set", "eth0", "up"});
    }
    std::string ping(const std::string& to) {
        return lab.try_run({"ip", "netns", "exec", "h1", "ping", "-c5", "-i0.2", "-W1", to}).standard_output;
    }
    // ovs-vsctl that does not wait in vain for an instance.
    void quick(Command command) {
        auto begin = Clock::now();
        lab.vsctl(std::move(command));
        EXPECT_LT(Clock::now() - begin, 2s);
    }
    void add_bridge(const std::string& name) {
        quick({"add-br", name, "--", "set", "bridge", name, "datapath_type=netdev"});
        lab.ofctl({"add-flow", name, "cookie=7,priority=7,ip,actions=drop"});
    }
    uint64_t received(const std::string& host) {
        return std::stoull(lab.run({"ip", "netns", "exec", host, "cat", "/sys/class/net/eth0/statistics/rx_packets"}));
    }
    std::string from_new() const { return "--from=" + lab.path("new"); }

    test::UpgradeLab lab;
};

TEST_F(Changes, ReachBAtOnceAndAreThereAfterTheReturn) {
    lab.hitless({"hitless/failover", from_new()});
    EXPECT_THAT(ping("10.1.0.3"), HasSubstr(" 0% packet loss"));
    EXPECT_THAT(ping("10.1.0.2"), HasSubstr("100% packet loss"));
    quick({"add-port", "br0", "ph2"});
    EXPECT_THAT(ping("10.1.0.2"), HasSubstr(" 0% packet loss"));
    EXPECT_THAT(lab.hitless({"hitless/bond-show"}), HasSubstr("ph2"));
    quick({"del-port", "br0", "ph3"});
    EXPECT_THAT(ping("10.1.0.3"), HasSubstr("100% packet loss"));
    quick({"add-port", "br0", "nosuch0"});
    EXPECT_THAT(lab.vsctl({"get", "interface", "nosuch0", "error"}), HasSubstr("nosuch0"));
    quick({"del-port", "br0", "nosuch0"});
    quick({"add-port", "br0", "in0", "--", "set", "interface", "in0", "type=internal"});
    lab.run({"ip", "address", "add", "10.1.0.9/24", "dev", "in0"});
    lab.run({"ip", "link", "set", "in0", "up"});
    EXPECT_THAT(ping("10.1.0.9"), HasSubstr(" 0% packet loss"));
    add_bridge("brn");
    EXPECT_EQ(lab.flows("brn", "7"), 1u);
    quick({"set", "interface", "ph2", "external_ids:a=b"});

    lab.hitless({"hitless/return"});
    EXPECT_THAT(ping("10.1.0.2"), HasSubstr(" 0% packet loss"));
    EXPECT_THAT(ping("10.1.0.9"), HasSubstr(" 0% packet loss"));
    EXPECT_THAT(ping("10.1.0.3"), HasSubstr("100% packet loss"));
    EXPECT_EQ(lab.flows("brn", "7"), 1u);
    EXPECT_THAT(lab.vsctl({"list-ports", "br0"}), Not(HasSubstr("ph3")));
}

TEST_F(Changes, ReachAStandbyThatHasBeenReadyForLong) {
    lab.hitless({"hitless/standby", from_new()});
    quick({"add-port", "br0", "ph2", "--", "set", "interface", "ph2", "ofport_request=77"});
    quick({"set", "interface", "ph2", "ofport_request=[]"});
    quick({"del-port", "br0", "ph3"});
    quick({"add-port", "br0", "in0", "--", "set", "interface", "in0", "type=internal"});
    lab.run({"ip", "address", "add", "10.1.0.9/24", "dev", "in0"});
    lab.run({"ip", "link", "set", "in0", "up"});
    add_bridge("brn");
    add_bridge("brc");
    quick({"set-controller", "brc", "tcp:127.0.0.1:6653", "--", "set-fail-mode", "brc", "secure"});
    lab.ofctl({"add-flow", "brc", "cookie=7,priority=7,ip,actions=drop"});
    lab.hitless({"hitless/failover"});
    for (const char* column : {"get bridge brn datapath_id", "get bridge brc datapath_id", "get interface ph2 ofport",
                               "get interface in0 ofport"}) {
        EXPECT_EQ(lab.run({"sh", "-c", std::string("ovs-vsctl --no-wait --db=unix:") + lab.path("run/hitless/b/db.sock ") + column}),
                  lab.run({"sh", "-c", std::string("ovs-vsctl --no-wait ") + column}))
            << column;
    }
    EXPECT_EQ(lab.vsctl({"get", "interface", "ph2", "ofport"}), "77\n");
    for (const char* what : {"failed over", "returned"}) {
        SCOPED_TRACE(what);
        EXPECT_THAT(ping("10.1.0.2"), HasSubstr(" 0% packet loss"));
        EXPECT_THAT(ping("10.1.0.9"), HasSubstr(" 0% packet loss"));
        EXPECT_THAT(ping("10.1.0.3"), HasSubstr("100% packet loss"));
        EXPECT_EQ(lab.flows("brn", "7"), 1u);
        EXPECT_EQ(lab.flows("brc", "7"), 1u);
        if (std::string(what) == "failed over") {
            lab.hitless({"hitless/return", "--keep-standby"});
        }
    }
    // B, which has stood by again, is to lose what is new.
    quick({"del-br", "brn", "--", "del-br", "brc", "--", "del-port", "br0", "in0", "--", "add-port", "br0", "ph3"});
    lab.hitless({"hitless/failover"});
    EXPECT_EQ(lab.b_vsctl({"list-br"}), "br0\n");
    EXPECT_THAT(ping("10.1.0.3"), HasSubstr(" 0% packet loss"));
    lab.hitless({"hitless/return"});
}

TEST_F(Changes, OfSettingsAndMirrorsTakeEffectWhileBIsActive) {
    auto mirrored = [&] {
        auto before = received("h3");
        EXPECT_THAT(ping("10.1.0.2"), HasSubstr(" 0% packet loss"));
        return received("h3") >= before + 10;
    };
    auto table_size = [&] { return lab.run({"ovs-appctl", "fdb/stats-show", "br0"}); };
    quick({"add-port", "br0", "ph2"});
    ping("10.1.0.2");   // from now on it is not flooded
    EXPECT_FALSE(mirrored());
    lab.hitless({"hitless/failover", from_new()});
    quick({"set", "bridge", "br0", "other_config:mac-table-size=77"});
    EXPECT_THAT(table_size(), HasSubstr("77"));
    quick({"--", "--id=@to", "get", "port", "ph3", "--", "--id=@m", "create", "mirror", "name=m", "select_all=true", "output_port=@to",
           "--", "add", "bridge", "br0", "mirrors", "@m"});
    EXPECT_TRUE(mirrored());
    EXPECT_TRUE(eventually([&] { return lab.vsctl({"get", "mirror", "m", "statistics"}).find("tx_packets") != std::string::npos; }));
    lab.hitless({"hitless/return"});
    EXPECT_THAT(table_size(), HasSubstr("77"));
    EXPECT_TRUE(mirrored());
}

// What B sends passes the device's own queueing discipline; the leg must have none, in which packets would be lost on the way back.
TEST_F(Changes, OfQosAreThereAfterTheReturnAndMeanwhileItStays) {
    auto rate = [&] { return lab.run({"tc", "class", "show", "dev", "ph3"}); };
    quick({"set", "port", "ph3", "qos=@q", "--", "--id=@q", "create", "qos", "type=linux-htb", "other-config:max-rate=8000000"});
    ASSERT_TRUE(eventually([&] { return rate().find("ceil 8Mbit") != std::string::npos; })) << rate();
    lab.hitless({"hitless/failover", from_new()});
    EXPECT_THAT(rate(), HasSubstr("ceil 8Mbit"));
    EXPECT_THAT(lab.run({"nsenter", "--net=" + lab.path("run/hitless/netns-b"), "tc", "qdisc", "show"}), Not(HasSubstr("htb")));
    lab.run({"sh", "-c", "ovs-vsctl -t10 set qos $(ovs-vsctl get port ph3 qos) other-config:max-rate=4000000"});
    EXPECT_THAT(ping("10.1.0.3"), HasSubstr(" 0% packet loss"));
    lab.hitless({"hitless/return"});
    EXPECT_TRUE(eventually([&] { return rate().find("ceil 4Mbit") != std::string::npos; })) << rate();
}

TEST_F(Changes, StatisticsAreThoseOfTheActiveInstance) {
    auto count = [&] { return std::stoull(lab.vsctl({"get", "interface", "ph1", "statistics:rx_packets"})); };
    ping("10.1.0.3");
    EXPECT_TRUE(eventually([&] { return count() >= 5; }));
    lab.hitless({"hitless/failover", from_new()});
    auto before = count();
    ping("10.1.0.3");
    EXPECT_TRUE(eventually([&] { return count() >= before + 5; }));
    // What only B sees.
    auto b_link = [&](const char* state) {
        lab.run({"nsenter", "--net=" + lab.path("run/hitless/netns-b"), "ip", "link", "set", "ph3", state});
        return eventually([&] { return lab.vsctl({"get", "interface", "ph3", "admin_state", "link_state"}) ==
                                       std::string(state) + "\n" + state + "\n"; });
    };
    EXPECT_TRUE(b_link("down"));
    EXPECT_TRUE(b_link("up"));
    lab.hitless({"hitless/return"});
    EXPECT_EQ(lab.vsctl({"get", "interface", "ph1", "link_state"}), "up\n");
}

// Else packets would wait for that, too: 15 to 30 ms with 256 ports.
TEST_F(Changes, OfStatisticsAreNotWrittenInAHold) {
    lab.hitless({"hitless/history"});   // its database is there from now on: the server drops its clients for that
    std::jthread switch_that_always_writes([this](const std::stop_token& stop) {
        for (int i = 1; !stop.stop_requested(); i++) {
            lab.vsctl({"--no-wait", "set", "interface", "ph1", "statistics:collisions=" + std::to_string(i)});
            std::this_thread::sleep_for(20ms);
        }
    });
    lab.hitless({"hitless/failover", from_new()});   // waits no longer than is reasonable
    switch_that_always_writes.request_stop();
    EXPECT_THAT(lab.hitless({"hitless/history", "--format=json"}), HasSubstr(" ms waited until statistics were written, receipt halted"));
}

// A switch counts the first packets of a flow in their own time and the rest when it looks at its caches, twice a second: what is kept
// is what was counted to the end.
TEST_F(Changes, CountersOfEitherInstanceAreKeptAndAddUp) {
    lab.ofctl({"-OOpenFlow15", "add-meter", "br0", "meter=1,pktps,bands=type=drop,rate=100000"});
    lab.ofctl({"-OOpenFlow15", "add-group", "br0", "group_id=1,type=all,bucket=actions=normal"});
    lab.ofctl({"-OOpenFlow15", "add-flow", "br0", "cookie=9,priority=9,icmp,icmp_type=8,actions=meter:1,group:1"});
    auto counters = [&](const std::string& number, const std::string& side) {
        return lab.run({"zcat", lab.path("state/counters/" + number + "-" + side + ".txt.gz")});
    };
    ping("10.1.0.3");
    lab.hitless({"hitless/failover", from_new()});
    auto a = counters("1", "A");
    EXPECT_THAT(a, HasSubstr("[[bridge br0]]\n[flows]\n cookie=0x9, duration="));
    EXPECT_THAT(a, ContainsRegex("n_packets=5, n_bytes=490, [^\n]*priority=9,icmp,icmp_type=8 actions=meter:1,group:1\n"));
    EXPECT_THAT(a, ContainsRegex("\\[groups\\]\n group_id=1,duration=[0-9.]*s,ref_count=1,packet_count=5,byte_count=490,"));
    EXPECT_THAT(a, ContainsRegex("\\[meters\\]\nmeter:1 [^\n]*packet_in_count:5 byte_in_count:490 "));
    EXPECT_THAT(a, ContainsRegex("\\[ports\\]\n *port .*rx pkts="));
    ping("10.1.0.3");
    ping("10.1.0.3");
    lab.hitless({"hitless/return"});
    EXPECT_THAT(counters("2", "B"), HasSubstr("n_packets=10, n_bytes=980, "));
    EXPECT_THAT(lab.hitless({"hitless/history", "--format=json"}),
                ContainsRegex("\"counters\":\\[\\{\"bridge\":\"br0\",\"bytes\":[0-9]+,\"file\":\"[^\"]*/state/counters/1-A.txt.gz"
                              "\",\"flows\":2,\"instance\":\"A\",\"packets\":[0-9]+\\}\\]"));
}

// What sFlow, NetFlow and IPFIX exporters send here.
class Collector {
  public:
    Collector() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        target_ = "targets=\"127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "\"";
    }
    const std::string& target() const { return target_; }
    // Messages since the last call.
    int count() {
        char buffer[2048];
        int n = 0;
        while (::recv(socket_.get(), buffer, sizeof buffer, 0) > 0) {
            n++;
        }
        return n;
    }

  private:
    Fd socket_;
    std::string target_;
};

TEST_F(Changes, ExportersOfTheActiveInstanceAloneSendToCollectors) {
    Collector sflow, netflow, ipfix;
    lab.vsctl({"--", "--id=@s", "create", "sflow", "agent=lo", sflow.target(), "sampling=1", "polling=1", "--", "--id=@n", "create",
               "netflow", netflow.target(), "active_timeout=1", "--", "--id=@i", "create", "ipfix", ipfix.target(), "sampling=1",
               "cache_active_timeout=1", "--", "set", "bridge", "br0", "sflow=@s", "netflow=@n", "ipfix=@i"});
    auto configured = [](const std::string& text) { return std::ranges::count(text, '"'); };   // around each target
    auto all_export = [&] {
        bool s = false, n = false, i = false;
        return eventually([&] {
            ping("10.1.0.3");
            s |= sflow.count() > 0;
            n |= netflow.count() > 0;
            i |= ipfix.count() > 0;
            return s && n && i;
        });
    };
    const Command targets = {"--columns=targets", "list", "sflow"};
    EXPECT_TRUE(all_export());
    auto before = lab.vsctl(targets);
    EXPECT_GT(configured(before), 0);
    lab.hitless({"hitless/failover", from_new()});
    for (auto* collector : {&sflow, &netflow, &ipfix}) {
        collector->count();
    }
    ping("10.1.0.3");
    std::this_thread::sleep_for(2s);   // of two timeouts
    // B, in a namespace of its own, has the configuration, and nobody whom it reaches.
    EXPECT_EQ(lab.b_vsctl(targets), before);
    EXPECT_EQ(sflow.count() + netflow.count() + ipfix.count(), 0);
    lab.hitless({"hitless/return"});
    EXPECT_TRUE(all_export());
    EXPECT_EQ(lab.vsctl(targets), before);
}

}  // namespace
}  // namespace hitless::upgrade
