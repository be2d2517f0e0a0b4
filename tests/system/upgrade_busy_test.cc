// Hand-overs of a switch whose flows and groups are changed all the time: what was acknowledged by the instance that was active is
// what the next one has, no more and no less.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>   // before libopenvswitch redefines what it uses

#include "base/openvswitch.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <regex>
#include <set>

#include "base/fd.h"
#include "busy_controller.h"
#include "openflow/buffers.h"
#include "openflow/connection.h"
#include "upgrade_lab.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using test::BusyController;
using test::eventually;
using Rules = BusyController::Rules;

constexpr uint16_t test_ethertype = 0x88b5;

// Makes the changes 1, 2, 3... one after the other until it is stopped, and knows of each what has become of it.
class Changer {
  public:
    enum class State { there, gone, unknown };
    using States = std::map<uint32_t, State>;
    using Change = std::function<void(uint32_t n, States& states)>;

    explicit Changer(Change change) : thread_([this, change] {
        for (uint32_t n = 1; !stop_; n++) {
            change(n, states_);
        }
    }) {}
    ~Changer() { stop(); }
    const States& stop() {
        stop_ = true;
        if (thread_.joinable()) {
            thread_.join();
        }
        return states_;
    }

  private:
    std::atomic<bool> stop_ = false;
    States states_;   // the thread's, until it has ended
    std::thread thread_;
};

// Its source address has the number.
std::array<uint8_t, 60> test_frame(uint32_t n) {
    return {0x02, 1, 0, 0, 0, 1, 0x02, 0, uint8_t(n >> 24), uint8_t(n >> 16), uint8_t(n >> 8), uint8_t(n), test_ethertype >> 8,
            test_ethertype & 0xff};
}

// Test frames that are sent and received at a device.
class TestPort {
  public:
    explicit TestPort(const char* device) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(test_ethertype))) {
        sockaddr_ll address = {};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(test_ethertype);
        address.sll_ifindex = static_cast<int>(::if_nametoindex(device));
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << device;
    }
    void send(uint32_t n) const {
        auto frame = test_frame(n);
        ::send(fd_.get(), frame.data(), frame.size(), 0);
    }
    bool receive(uint32_t n) const {
        std::array<uint8_t, 60> frame = {};
        pollfd poll = {fd_.get(), POLLIN, 0};
        while (::poll(&poll, 1, 5000) > 0 && ::recv(fd_.get(), frame.data(), frame.size(), 0) > 0) {
            uint32_t got = 0;
            std::memcpy(&got, &frame[8], sizeof got);
            if (ntohl(got) == n) {
                return true;
            }
        }
        return false;
    }

  private:
    Fd fd_;
};

class Busy : public testing::Test {
  protected:
    Busy() {
        lab.vsctl({"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure"});
    }
    ~Busy() override { lab.run({"ovs-vsctl", "-t10", "del-br", "br0"}); }

    // The numbers that 'pattern' finds in 'text'.
    static std::set<uint32_t> numbers(const std::string& text, const char* pattern) {
        std::set<uint32_t> found;
        std::regex expression(pattern);
        for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
            found.insert(static_cast<uint32_t>(std::stoul((*at)[1], nullptr, 0)));
        }
        return found;
    }
    // Of the active instance. A flow without its group cannot be; a group without its flow counts as 100.
    Rules rules() {
        auto flows = numbers(lab.ofctl({"-OOpenFlow13", "dump-flows", "br0"}), "cookie=(0x[0-9a-f]+)");
        Rules rules;
        auto text = lab.ofctl({"-OOpenFlow13", "dump-groups", "br0"});
        std::regex expression("group_id=([0-9]+),type=all([^\n]*)");
        for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
            auto rule = static_cast<uint32_t>(std::stoul((*at)[1]));
            std::string buckets = (*at)[2];
            unsigned count = 0;
            for (size_t i = buckets.find("bucket="); i != std::string::npos; i = buckets.find("bucket=", i + 1)) {
                count++;
            }
            rules[rule] = flows.count(rule) ? count : 100;
        }
        return rules;
    }

    void expect_known(const BusyController::Known& known) {
        auto there = rules();
        for (auto [rule, buckets] : known.acknowledged) {
            if (!known.uncertain.count(rule)) {
                EXPECT_EQ(there.count(rule) ? there[rule] : 0, buckets) << "rule " << rule;
            }
        }
        for (auto [rule, buckets] : there) {
            EXPECT_TRUE(known.acknowledged.count(rule) || known.uncertain.count(rule)) << "rule " << rule;
        }
    }

    // What a program is told: if it is not told of a success, the change may have been made all the same.
    static Changer::State state(bool told, Changer::State success) { return told ? success : Changer::State::unknown; }
    // Adds flow n of 'table', and deletes an earlier one.
    template <typename Change>
    static void add_and_delete(uint32_t n, Changer::States& states, Change change) {
        states[n] = state(change(n, OFPFC_ADD), Changer::State::there);
        if (n > 5) {
            states[n - 5] = state(change(n - 5, OFPFC_DELETE_STRICT), Changer::State::gone);
        }
    }
    static std::string flow(const std::string& table, uint32_t n, bool add) {
        return "table=" + table + ",udp,tp_dst=" + std::to_string(n) + (add ? ",cookie=0x10000000,actions=drop" : "");
    }
    bool change_by_ofctl(uint32_t n, int command) {
        bool add = command == OFPFC_ADD;
        auto text = (add ? "" : "priority=32768,") + flow("2", n, add);
        return lab.try_run({"ovs-ofctl", "-t10", "--strict", add ? "add-flow" : "del-flows", "br0", text}).exit_status == 0;
    }
    // What ovs-ofctl does, too, but in a hundredth of the time: a session for each change.
    bool in_session(const std::function<Status(openflow::Connection&)>& act) {
        auto session = openflow::Connection::open(lab.path("run/br0.mgmt"), "br0");
        return session && act(*session);
    }
    bool change_in_session(uint32_t n, int command) {
        ofputil_flow_mod mod;
        ofputil_protocol usable;
        auto text = flow("3", n, command == OFPFC_ADD);
        EXPECT_EQ(parse_ofp_flow_mod_str(&mod, text.c_str(), nullptr, nullptr, command, &usable), nullptr);
        openflow::Message message = openflow::to_message(ofputil_encode_flow_mod(&mod, OFPUTIL_P_OF15_OXM));
        minimatch_destroy(&mod.match);
        free(mod.ofpacts);
        return in_session([&](openflow::Connection& session) { return session.send({&message, 1}); });
    }
    bool learn_in_session(uint32_t n) {
        std::vector<uint8_t> packet(60);
        std::ranges::copy(test_frame(n), packet.begin());
        openflow::PacketOut out{0xfffffffe, packet, "resubmit(,1)"};
        return in_session([&](openflow::Connection& session) { return session.packet_outs({&out, 1}); });
    }
    // The numbers of sources that were learned in 'table'.
    std::set<uint32_t> learned(const std::string& table) {
        std::set<uint32_t> found;
        std::regex expression("dl_dst=02:00:([0-9a-f]+):([0-9a-f]+):([0-9a-f]+):([0-9a-f]+)");
        auto text = lab.ofctl({"dump-flows", "br0", "table=" + table});
        for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
            auto digits = (*at)[1].str() + (*at)[2].str() + (*at)[3].str() + (*at)[4].str();
            found.insert(static_cast<uint32_t>(std::stoul(digits, nullptr, 16)));
        }
        return found;
    }
    static void expect(const Changer::States& states, const std::set<uint32_t>& there, const char* what) {
        size_t unknown = 0;
        for (auto [n, state] : states) {
            unknown += state == Changer::State::unknown;
            EXPECT_TRUE(state == Changer::State::unknown || there.count(n) == (state == Changer::State::there))
                << what << " " << n << (there.count(n) ? " is there, but was removed" : " was made, but is not there");
        }
        std::cout << what << ": " << states.size() << " made, of " << unknown << " it is not known\n";
        EXPECT_GT(states.size(), 10u + unknown) << what;
    }

    std::string from_new() const { return "--from=" + lab.path("new"); }
    test::UpgradeLab lab;
};

TEST_F(Busy, ControllersChangesAreAllThereAtEachToggle) {
    BusyController controller(6653);
    lab.vsctl({"set-controller", "br0", "tcp:127.0.0.1:6653"});
    ASSERT_TRUE(eventually([&] { return controller.session() == 1; }));
    controller.go_on();
    ASSERT_TRUE(eventually([&] { return controller.known().changes > 500; }));   // it has begun to remove
    unsigned session = 1;
    for (const char* command : {"failover", "return"}) {
        SCOPED_TRACE(command);
        auto before = controller.known().changes;
        lab.hitless(std::string(command) == "failover" ? test::Command{"hitless/failover", from_new()}
                                                       : test::Command{"hitless/return", "--keep-standby"});
        ASSERT_TRUE(eventually([&] { return controller.session() > session && controller.resting(); }));
        session = controller.session();
        auto known = controller.known();
        std::cout << command << ": " << known.changes - before << " changes acknowledged meanwhile, " << known.uncertain.size()
                  << " not\n";
        EXPECT_GT(known.changes - before, 30u);
        expect_known(known);
        controller.go_on();
        ASSERT_TRUE(eventually([&] { return controller.known().changes > known.changes + 300; }));
    }
}

// Programs come to the management socket, add and delete flows, or have the switch learn one from a packet; besides, it learns from
// packets of hosts, which it forwards only once it has learned.
TEST_F(Busy, ChangesOfProgramsAndOfPacketsAreAllThereAtEachToggle) {
    lab.vsctl({"add-port", "br0", "out", "--", "set", "interface", "out", "type=internal"});
    for (const char* device : {"br0", "out"}) {
        lab.run({"ip", "link", "set", device, "up"});
    }
    TestPort in("br0"), out("out");
    auto learns_in = [](const std::string& table) { return "learn(table=" + table + ",cookie=0x10000000,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])"; };
    for (auto flow : {"table=1,actions=" + learns_in("9"),
                      fmt::format("table=0,in_port=LOCAL,dl_type={:#x},actions={},output:out", test_ethertype, learns_in("8"))}) {
        lab.ofctl({"add-flow", "br0", flow});
    }
    uint32_t address = 0;   // always another: of one that it has seen a switch learns only once it looks at its statistics
    for (const test::Command& command : {test::Command{"hitless/failover", from_new()}, {"hitless/return", "--keep-standby"},
                                         {"hitless/failover", from_new()}, {"hitless/return"}}) {
        SCOPED_TRACE(command.front());
        Changer ofctl([&](uint32_t n, auto& states) {
            add_and_delete(n, states, [&](uint32_t m, int what) { return change_by_ofctl(m, what); });
        });
        Changer sessions([&](uint32_t n, auto& states) {
            add_and_delete(n, states, [&](uint32_t m, int what) { return change_in_session(m, what); });
        });
        Changer packet_outs([&](uint32_t n, auto& states) { states[n] = state(learn_in_session(n), Changer::State::there); });
        Changer packets([&](uint32_t, auto& states) {
            std::this_thread::sleep_for(300us);
            in.send(++address);
            states[address] = state(out.receive(address), Changer::State::there);
        });
        std::this_thread::sleep_for(300ms);
        lab.hitless(command);
        for (auto* changer : {&ofctl, &sessions, &packet_outs, &packets}) {
            changer->stop();
        }
        expect(ofctl.stop(), numbers(lab.ofctl({"dump-flows", "br0", "table=2"}), "tp_dst=([0-9]+)"), "flows of ovs-ofctl");
        expect(sessions.stop(), numbers(lab.ofctl({"dump-flows", "br0", "table=3"}), "tp_dst=([0-9]+)"), "flows of sessions");
        expect(packet_outs.stop(), learned("9"), "learned from packet-outs");
        expect(packets.stop(), learned("8"), "learned from packets");
        for (const char* table : {"table=2", "table=3", "table=8", "table=9"}) {
            lab.ofctl({"del-flows", "br0", table});
        }
    }
}

}  // namespace
}  // namespace hitless::upgrade
