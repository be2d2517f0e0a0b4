// Relay, dummy controller and gate, with stock switches whose flows must survive every change of their controller.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fstream>
#include <random>

#include "control/dummy_controller.h"
#include "control/gate.h"
#include "control/relay.h"
#include "control/unix_socket.h"
#include "control_switch.h"

namespace hitless::control {
namespace {

using testing::HasSubstr;
using test::eventually;
using test::StockSwitch;

std::string tcp4(const DummyController& controller) {
    return "tcp:127.0.0.1:" + std::to_string(controller.port4());
}

std::unique_ptr<DummyController> start_controller(const NetworkNamespace& where = {}) {
    auto controller = DummyController::start(where);
    EXPECT_TRUE(controller) << controller.error().message;
    return std::move(*controller);
}

bool admitted(const DummyController& controller, size_t count) {
    return eventually([&] { return controller.admitted() == count; });
}

TEST(DummyController, IsAControllerToASwitchOfAnyVersion) {
    StockSwitch a;
    auto dummy = start_controller();
    ASSERT_NE(dummy->port6(), 0);
    std::string tcp6 = "tcp:[::1]:" + std::to_string(dummy->port6());
    int bridges = 0;
    for (const char* protocol : {"OpenFlow10", "OpenFlow13", "OpenFlow15"}) {
        auto name = "br" + std::to_string(bridges++);
        a.add_bridge(name, "000000000000000" + std::to_string(bridges));
        a.vsctl({"set", "bridge", name, std::string("protocols=") + protocol, "--", "set-controller", name,
                 bridges % 2 ? tcp4(*dummy) : tcp6, "--", "set", "controller", name, "inactivity_probe=1000"});
    }
    EXPECT_TRUE(admitted(*dummy, 3));
    std::this_thread::sleep_for(std::chrono::seconds(3));   // several echo requests: without answers it would be disconnected
    EXPECT_EQ(dummy->admitted(), 3u);
    EXPECT_TRUE(eventually([&] { return a.connected(tcp4(*dummy)); }));   // OVS writes it every 5 seconds
    EXPECT_EQ(a.try_run({"grep", "-c", "no response to inactivity probe", a.path("ovs-vswitchd.log")}).standard_output, "0\n");
}

TEST(DummyController, NeedsLoopback) {
    auto status = run_inside({}, [] { return Status(); });
    ASSERT_TRUE(status);
    ASSERT_TRUE(run_checked({"ip", "netns", "add", "ctl-down"}));
    auto dummy = DummyController::start("/run/netns/ctl-down");
    ASSERT_FALSE(dummy);
    EXPECT_THAT(dummy.error().message, HasSubstr("lo is down"));
    ASSERT_TRUE(run_checked({"ip", "netns", "del", "ctl-down"}));
}

// What a controller's program or a switch would see of the relay: a pair of ends.
class RelayedPair {
  public:
    explicit RelayedPair(Relay& relay) : path_(directory_.path() + "/br0.relay0") {
        Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener.get(), 1), 0);
        EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        EXPECT_TRUE(relay.listen(path_, ControllerAddress{"127.0.0.1", ntohs(address.sin_port)}));
        from_switch.reset(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un local = {};
        local.sun_family = AF_UNIX;
        path_.copy(local.sun_path, sizeof local.sun_path - 1);
        EXPECT_EQ(::connect(from_switch.get(), reinterpret_cast<sockaddr*>(&local), sizeof local), 0);
        controller.reset(::accept(listener.get(), nullptr, nullptr));
        EXPECT_TRUE(controller);
    }
    const std::string& path() const { return path_; }
    Fd from_switch, controller;

  private:
    test::Directory directory_;
    std::string path_;
};

std::string random_bytes(size_t size) {
    std::mt19937 random(1);
    std::string bytes(size, 0);
    for (auto& byte : bytes) {
        byte = static_cast<char>(random());
    }
    return bytes;
}

void send_all_and_end(const Fd& fd, const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
        ssize_t n = ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        ASSERT_GT(n, 0);
        sent += static_cast<size_t>(n);
    }
    ::shutdown(fd.get(), SHUT_WR);
}

std::string receive_all(const Fd& fd) {
    std::string bytes;
    char buffer[65536];
    for (ssize_t n; (n = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
        bytes.append(buffer, static_cast<size_t>(n));
    }
    return bytes;
}

TEST(Relay, CopiesBothWaysAndPassesEachEndOfFileOn) {
    auto relay = Relay::start();
    ASSERT_TRUE(relay);
    RelayedPair pair(**relay);
    const std::string up = random_bytes(8 << 20), down = random_bytes(5'000'001);
    std::thread sender([&] { send_all_and_end(pair.from_switch, up); });
    EXPECT_EQ(receive_all(pair.controller), up);
    sender.join();
    // The switch has ended its side; the controller's is still open.
    std::thread answerer([&] { send_all_and_end(pair.controller, down); });
    EXPECT_EQ(receive_all(pair.from_switch), down);
    answerer.join();
    EXPECT_TRUE(eventually([&] { return (*relay)->established() == 0; }));
}

TEST(Relay, HoldsLittleForAPeerThatDoesNotRead) {
    auto relay = Relay::start();
    RelayedPair pair(**relay);
    const std::string block = random_bytes(1 << 16);
    size_t taken = 0;
    for (auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1); std::chrono::steady_clock::now() < end;) {
        ssize_t n = ::send(pair.from_switch.get(), block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        taken += n > 0 ? static_cast<size_t>(n) : 0;
    }
    // Mostly the kernel's socket buffers (tcp_wmem and tcp_rmem allow 4 and 6 MB).
    EXPECT_LT(taken, 16u << 20);
    // A switch that goes while all that waits is noticed once the controller goes too.
    pair.from_switch.reset();
    pair.controller.reset();
    EXPECT_TRUE(eventually([&] { return (*relay)->established() == 0; }));
}

TEST(Relay, SideThatGoesTakesTheOtherWithIt) {
    auto relay = Relay::start();
    {
        RelayedPair pair(**relay);
        pair.from_switch.reset();
        EXPECT_EQ(receive_all(pair.controller), "");
        EXPECT_TRUE(eventually([&] { return (*relay)->established() == 0; })) << "though the controller has not closed";
    }
    RelayedPair pair(**relay);
    linger abort = {1, 0};
    ::setsockopt(pair.controller.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    pair.controller.reset();
    EXPECT_EQ(receive_all(pair.from_switch), "");
    ASSERT_TRUE((*relay)->stop(pair.path()));
    EXPECT_FALSE(identify(pair.path()));
    EXPECT_FALSE((*relay)->stop(pair.path()));
}

TEST(Relay, ParkedSwitchKeepsItsFlowsWhenItGetsItsController) {
    ASSERT_TRUE(run_checked({"ip", "netns", "add", "ctl-standby"}));
    {
        StockSwitch b("/run/netns/ctl-standby");   // cannot reach our 127.0.0.1 by itself
        std::string parked = "unix:" + b.path("br0.parked"), relayed = "unix:" + b.path("br0.relay0");
        b.vsctl({"add-br", "br0", "--", "set", "bridge", "br0", "fail_mode=secure", "--", "set-controller", "br0", parked});
        for (int i = 0; i < 5; i++) {
            b.ofctl({"add-flow", "br0", "table=" + std::to_string(i) + ",priority=7,ip,actions=drop"});
        }
        auto controller = start_controller();
        auto relay = Relay::start();
        ASSERT_TRUE((*relay)->listen(b.path("br0.relay0"), ControllerAddress{"127.0.0.1", controller->port4()}));
        EXPECT_EQ(controller->admitted(), 0u);

        b.vsctl({"set-controller", "br0", relayed});
        ASSERT_TRUE(admitted(*controller, 1));
        EXPECT_TRUE(eventually([&] { return b.connected(relayed); }));
        EXPECT_EQ(b.flows("br0"), 5u);
        b.vsctl({"set-fail-mode", "br0", "standalone"});
        EXPECT_EQ(b.flows("br0"), 5u);

        // The negative control: no controller in between, and OVS flushes.
        b.vsctl({"del-controller", "br0"});
        b.vsctl({"set-controller", "br0", relayed});
        EXPECT_TRUE(eventually([&] { return b.flows("br0") == 0; }));
    }
    ASSERT_TRUE(run_checked({"ip", "netns", "del", "ctl-standby"}));
}

class GateTest : public testing::Test {
  protected:
    GateTest() { a.add_bridge("br0", "000000000000000a"); }
    ~GateTest() override { EXPECT_TRUE(Gate::lift_pinned(pins)); }

    Gate close_gate(const DummyController& with) {
        auto gate = Gate::close({{}, with.port4(), with.port6(), pins});
        EXPECT_TRUE(gate) << gate.error().message;
        return std::move(*gate);
    }

    const std::string pins = "/sys/fs/bpf/hitless-test-gate";
    StockSwitch a;
    std::unique_ptr<DummyController> real = start_controller(), dummy = start_controller();
};

TEST_F(GateTest, LeadsTheSwitchToTheDummyUntilLiftedAndFlowsAreKept) {
    for (const char* mode : {"secure", "standalone"}) {
        dummy = dummy ? std::move(dummy) : start_controller();
        a.vsctl({"set-fail-mode", "br0", mode});
        Gate gate = close_gate(*dummy);
        std::string tcp6 = "tcp:[::1]:" + std::to_string(real->port6());
        a.vsctl({"set-controller", "br0", tcp4(*real), tcp6});
        ASSERT_TRUE(admitted(*dummy, 2)) << mode;
        EXPECT_EQ(gate.diverted(), 2u);
        for (int i = 0; i < 5; i++) {   // the change from no controller to some has flushed
            a.ofctl({"add-flow", "br0", "table=" + std::to_string(i) + ",priority=7,ip,actions=drop"});
        }
        std::this_thread::sleep_for(std::chrono::seconds(2));
        EXPECT_EQ(real->admitted(), 0u);

        ASSERT_TRUE(gate.lift());
        EXPECT_FALSE(std::filesystem::exists(pins));
        auto lifted = std::chrono::steady_clock::now();
        dummy.reset();
        ASSERT_TRUE(admitted(*real, 2)) << mode;
        auto took = std::chrono::steady_clock::now() - lifted;
        EXPECT_LT(took, std::chrono::seconds(4));
        RecordProperty("reconnect_ms", std::to_string(took / std::chrono::milliseconds(1)));
        EXPECT_EQ(a.flows("br0"), 5u);
        a.vsctl({"del-controller", "br0"});
        ASSERT_TRUE(admitted(*real, 0));
    }
}

TEST_F(GateTest, StaysClosedWhenTheDaemonDiesAndTheNextTakesOver) {
    a.vsctl({"set-controller", "br0", tcp4(*real)});
    ASSERT_TRUE(admitted(*real, 1));
    { Gate gate = close_gate(*dummy); }   // a daemon that ends; the links are pinned
    dummy.reset();
    auto ended = end_tcp_sessions(a.process()->pid());
    ASSERT_TRUE(ended) << ended.error().message;
    EXPECT_EQ(*ended, 1u);
    ASSERT_TRUE(admitted(*real, 0));
    std::this_thread::sleep_for(std::chrono::seconds(4));   // tries again after 1 and 2 seconds
    EXPECT_EQ(real->admitted(), 0u);

    dummy = start_controller();
    Gate gate = close_gate(*dummy);
    EXPECT_TRUE(admitted(*dummy, 1));
    EXPECT_EQ(real->admitted(), 0u);
    ASSERT_TRUE(gate.lift());
    dummy.reset();
    EXPECT_TRUE(admitted(*real, 1));
}

TEST_F(GateTest, EndedSessionsGoToTheDummyAndFlowsAreKept) {
    a.vsctl({"set-controller", "br0", tcp4(*real)});
    ASSERT_TRUE(admitted(*real, 1));
    a.ofctl({"add-flow", "br0", "priority=7,ip,actions=drop"});
    auto flows = a.flows("br0");
    ASSERT_GT(flows, 0u);
    Gate gate = close_gate(*dummy);
    EXPECT_EQ(real->admitted(), 1u) << "the gate itself ends nothing";
    ASSERT_TRUE(end_tcp_sessions(a.process()->pid()));
    EXPECT_TRUE(admitted(*dummy, 1));
    EXPECT_TRUE(admitted(*real, 0));
    EXPECT_EQ(a.flows("br0"), flows);
    EXPECT_TRUE(gate.lift());
}

TEST_F(GateTest, OtherNamespacesAndOtherProgramsPass) {
    ASSERT_TRUE(run_checked({"ip", "netns", "add", "ctl-other"}));
    ASSERT_TRUE(run_checked({"ip", "-n", "ctl-other", "link", "set", "lo", "up"}));
    {
        StockSwitch other("/run/netns/ctl-other");
        other.add_bridge("br0", "000000000000000c");
        auto others = start_controller("/run/netns/ctl-other");
        Gate gate = close_gate(*dummy);
        other.vsctl({"set-controller", "br0", tcp4(*others)});
        EXPECT_TRUE(admitted(*others, 1));
        EXPECT_EQ(a.try_run({"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(real->port4()) +
                                               "; head -c 2 <&3 | od -An -tx1"}).standard_output, " 06 00\n");
        EXPECT_EQ(gate.diverted(), 0u);
        EXPECT_TRUE(gate.lift());
    }
    ASSERT_TRUE(run_checked({"ip", "netns", "del", "ctl-other"}));
}

TEST(Gate, FindsTheCgroupHierarchyOnHybridAndUnifiedHosts) {
    test::Directory directory;
    auto root_of = [&](const std::string& text) {
        auto path = directory.path() + "/mounts";
        std::ofstream(path) << text;
        return cgroup2_root(path);
    };
    EXPECT_EQ(*root_of("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"), "/sys/fs/cgroup");
    EXPECT_EQ(*root_of("tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
                       "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"), "/sys/fs/cgroup/unified");
    EXPECT_FALSE(root_of("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"));
}

}  // namespace
}  // namespace hitless::control
