// A thousand TCP connections through NAT, a third with traffic, a third idle, a third half closed, moved from A to B and back to
// A: both hosts can send on each of them afterwards, and no packet was found invalid on the way.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "base/fd.h"
#include "traffic_lab.h"

namespace hitless::test {
namespace {

using namespace std::chrono_literals;

// What 'make' returns, made in the network namespace at 'path'.
template <typename Make>
auto in_namespace(const std::string& path, Make make) {
    return std::async(std::launch::async, [&] {
        Fd space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!space || ::setns(space.get(), CLONE_NEWNET)) {
            throw std::runtime_error(path + ": cannot be entered");
        }
        return make();
    }).get();
}

Fd new_socket() {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    timeval limit{10, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return socket;
}

// The two ends of a connection.
struct Ends {
    Fd client, server;
};

// Whether bytes that 'from' sends arrive at 'to' as they were.
bool carries(const Fd& from, const Fd& to, size_t size = 500) {
    static std::atomic<unsigned> number;
    std::string sent(size, static_cast<char>('a' + number++ % 26)), received(size, '\0');
    return ::send(from.get(), sent.data(), size, MSG_NOSIGNAL) == static_cast<ssize_t>(size) &&
           ::recv(to.get(), received.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size) && sent == received;
}

class Connections : public ::testing::Test {
  protected:
    static constexpr size_t third = 334;   // of each kind

    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "to be run by tests/in-namespaces";
        }
        rlimit files{8192, 8192};
        ::setrlimit(RLIMIT_NOFILE, &files);
        lab_ = std::make_unique<TrafficLab>();
        connect_all();
    }
    void TearDown() override { stop_traffic(); }

    TrafficLab& lab() { return *lab_; }
    void order(const Words& command) {
        auto output = lab().appctl(command);
        ASSERT_EQ(output.exit_status, 0) << command[0] << ": " << output.standard_output << output.standard_error;
    }

    void connect_all() {
        sockaddr_in address = server_address(5555);
        Fd listener = in_namespace(lab().node("h3"), [] { return new_socket(); });
        auto* name = reinterpret_cast<sockaddr*>(&address);
        ASSERT_EQ(::bind(listener.get(), name, sizeof address) | ::listen(listener.get(), 1000), 0);
        in_namespace(lab().node("h1"), [&] {
            for (size_t i = 0; i < 3 * third; i++) {
                Ends ends{new_socket(), Fd()};
                EXPECT_EQ(::connect(ends.client.get(), name, sizeof address), 0) << std::strerror(errno);
                ends.server = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
                timeval limit{10, 0};
                ::setsockopt(ends.server.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
                (i < third ? active_ : i < 2 * third ? idle_ : half_closed_).push_back(std::move(ends));
            }
            return 0;
        });
        for (auto* all : {&active_, &idle_, &half_closed_}) {
            for (auto& ends : *all) {
                ASSERT_TRUE(carries(ends.client, ends.server) && carries(ends.server, ends.client));
            }
        }
        for (auto& ends : half_closed_) {
            ::shutdown(ends.client.get(), SHUT_WR);
            char byte;
            ASSERT_EQ(::recv(ends.server.get(), &byte, 1, 0), 0);
        }
        std::this_thread::sleep_for(300ms);   // the last acknowledgements: from here on the idle ones are idle
    }

    void start_traffic() {
        traffic_ = std::thread([this] {
            while (!stop_) {
                for (auto& ends : active_) {
                    failures_ += carries(ends.client, ends.server, 3000) && carries(ends.server, ends.client, 3000) ? 0 : 1;
                    rounds_++;
                }
            }
        });
        while (rounds_ < third) {
            std::this_thread::sleep_for(1ms);
        }
    }
    void stop_traffic() {
        stop_ = true;
        for (auto* thread : {&traffic_, &coming_and_going_}) {
            if (thread->joinable()) {
                thread->join();
            }
        }
        EXPECT_EQ(failures_, 0u);
    }

    void expect_all_carry() {
        stop_traffic();
        stop_ = false;
        size_t broken = 0;
        for (auto* all : {&active_, &idle_}) {
            for (auto& ends : *all) {
                broken += carries(ends.client, ends.server) && carries(ends.server, ends.client) ? 0 : 1;
            }
        }
        for (auto& ends : half_closed_) {
            broken += carries(ends.server, ends.client) ? 0 : 1;
        }
        EXPECT_EQ(broken, 0u);
    }
    ssize_t send_on_idle() { return ::send(idle_[0].client.get(), "x", 1, MSG_NOSIGNAL); }
    void close_all() {
        for (auto* all : {&active_, &idle_, &half_closed_}) {
            all->clear();
        }
    }

    // Packets that the active instance has found invalid, as its flow that drops them counts them.
    std::string invalid() {
        auto text = lab().ofctl({"dump-flows", "br0", "table=2,ct_state=+trk+inv,ip"});
        size_t at = text.find("n_packets=");
        return at == std::string::npos ? text : text.substr(at + 10, text.find(',', at) - at - 10);
    }
    bool checks() { return lab().checked({"ovs-appctl", "dpctl/ct-get-tcp-seq-chk"}) == "TCP sequence checking: enabled\n"; }
    uint64_t unchecked(int instance) { return lab().status()["instances"][instance]["unchecked_tcp"].asUInt64(); }
    void probe_idle() {
        lab().checked({"ovsdb-client", "transact", "unix:" + lab().path("run/db.sock"),
                       R"(["hitless",{"op":"update","table":"Hitless","where":[],"row":{"other_config":["map",[["probe-idle-tcp","true"]]]}}])"});
    }
    template <typename Condition>
    bool within(std::chrono::seconds limit, Condition condition) {
        auto end = std::chrono::steady_clock::now() + limit;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) {
                return false;
            }
            std::this_thread::sleep_for(200ms);
        }
        return true;
    }

    // Connections that come and go, each of which carries both ways, until stop_traffic(); beside others, start_traffic()'s.
    void start_coming_and_going() {
        coming_and_going_ = std::thread([this] {
            sockaddr_in address = server_address(5556);
            auto* name = reinterpret_cast<sockaddr*>(&address);
            Fd listener = in_namespace(lab().node("h3"), [] { return new_socket(); });
            int on = 1;
            ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            ASSERT_EQ(::bind(listener.get(), name, sizeof address) | ::listen(listener.get(), 100), 0);
            in_namespace(lab().node("h1"), [&] {
                for (; !stop_; came_++) {
                    Ends ends{new_socket(), Fd()};
                    bool connected = ::connect(ends.client.get(), name, sizeof address) == 0;
                    ends.server = connected ? Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)) : Fd();
                    failures_ += connected && carries(ends.client, ends.server) && carries(ends.server, ends.client) ? 0 : 1;
                }
                return 0;
            });
        });
        while (came_ < third) {
            std::this_thread::sleep_for(1ms);
        }
    }

    size_t came() const { return came_; }

  private:
    static sockaddr_in server_address(uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        ::inet_pton(AF_INET, "10.0.2.3", &address.sin_addr);
        return address;
    }

    std::unique_ptr<TrafficLab> lab_;
    std::vector<Ends> active_, idle_, half_closed_;
    std::thread traffic_, coming_and_going_;
    std::atomic<bool> stop_ = false;
    std::atomic<size_t> rounds_ = 0, came_ = 0, failures_ = 0;
};

TEST_F(Connections, OfWhichIdleOnesAreNotKnownGoOnAndAreCheckedAgainWhenThoseAreOver) {
    start_traffic();
    order({"hitless/upgrade", "--from=" + lab().new_software(), "--soak=0"});
    EXPECT_EQ(unchecked(0), 2 * third);
    EXPECT_FALSE(checks());
    expect_all_carry();
    EXPECT_EQ(invalid(), "0");
    close_all();
    EXPECT_TRUE(within(30s, [&] { return checks(); }));
    EXPECT_EQ(unchecked(0), 0u);
}

// Where packets may have changed connections these are held first, and the others are not.
TEST_F(Connections, ThatComeAndGoMeanwhileGoOnAndHoldUpTheOthersForLittleTime) {
    start_traffic();
    start_coming_and_going();
    for (int i = 0; i < 2; i++) {
        size_t before = came();
        order({"hitless/upgrade", "--from=" + lab().new_software(), "--soak=0"});
        EXPECT_GT(came(), before + 10);
        auto history = lab().checked({"ovs-appctl", "hitless/history", "1"});
        EXPECT_THAT(history, ::testing::HasSubstr("what may change connections held for "));
    }
    expect_all_carry();
    EXPECT_EQ(invalid(), "0");
}

TEST_F(Connections, OfWhichNothingIsKnownWouldBeInvalidIfTheyWereChecked) {   // else the others would show nothing
    start_traffic();
    order({"hitless/failover", "--from=" + lab().new_software()});
    stop_traffic();
    lab().checked({"ovs-appctl", "dpctl/ct-enable-tcp-seq-chk"});
    ASSERT_GT(send_on_idle(), 0);
    EXPECT_TRUE(within(5s, [&] { return invalid() != "0"; }));
}

TEST_F(Connections, ThatWakeUpOnBAreCheckedFromThenOn) {
    start_traffic();
    order({"hitless/failover", "--from=" + lab().new_software()});
    EXPECT_EQ(unchecked(1), 2 * third);
    EXPECT_FALSE(checks());
    expect_all_carry();   // of B: now all are known
    EXPECT_TRUE(within(20s, [&] { return checks(); }));
    EXPECT_EQ(unchecked(1), 0u);
    expect_all_carry();
    EXPECT_EQ(invalid(), "0");
    start_traffic();
    order({"hitless/return"});
    EXPECT_TRUE(checks());
    expect_all_carry();   // of A, which was stopped, and has the connections as they were then
    EXPECT_EQ(invalid(), "0");
}

TEST_F(Connections, OfWhichAKilledDaemonKnewNothingAreLookedAfterByTheNext) {
    order({"hitless/failover", "--from=" + lab().new_software()});
    EXPECT_FALSE(checks());
    lab().kill_daemon();
    lab().start_daemon();
    EXPECT_GE(unchecked(1), third);
    EXPECT_FALSE(checks());
    order({"hitless/return"});
    EXPECT_TRUE(checks());   // of A, which knows them all: B's was off for them alone
    expect_all_carry();
    EXPECT_EQ(invalid(), "0");
}

TEST_F(Connections, ForWhoseSakeTheCheckIsSuspendedMakeNoDifferenceOfSettings) {
    order({"hitless/standby", "--from=" + lab().new_software()});
    ASSERT_GT(unchecked(1), 0u);
    auto settings = lab().appctl_json({"hitless/diff", "conntrack-settings"})["kinds"][0];
    EXPECT_GT(settings["same"].asUInt64(), 0u);
    EXPECT_EQ(settings["changed"].asUInt64(), 0u);
}

TEST_F(Connections, AreAllCheckedAllTheTimeWhereIdleOnesAreProbed) {
    order({"hitless/history"});   // the database is there from now on
    probe_idle();
    start_traffic();
    order({"hitless/failover", "--from=" + lab().new_software()});
    EXPECT_EQ(unchecked(1), 0u);
    EXPECT_TRUE(checks());
    order({"hitless/return"});
    EXPECT_EQ(unchecked(0), 0u);
    EXPECT_TRUE(checks());
    expect_all_carry();
    EXPECT_EQ(invalid(), "0");
    start_traffic();   // by which the hosts are known
    order({"hitless/upgrade", "--from=" + lab().new_software(), "--soak=1"});
    EXPECT_TRUE(checks());
    expect_all_carry();
    EXPECT_EQ(invalid(), "0");
}

TEST_F(Connections, AreNotCheckedWhereTheOperatorHasItSo) {
    lab().checked({"ovs-appctl", "dpctl/ct-disable-tcp-seq-chk"});
    start_traffic();
    order({"hitless/failover", "--from=" + lab().new_software()});
    EXPECT_FALSE(checks());
    EXPECT_EQ(unchecked(1), 0u);
    order({"hitless/return"});
    order({"hitless/upgrade", "--from=" + lab().new_software(), "--soak=0"});
    expect_all_carry();
    EXPECT_EQ(invalid(), "0");
    EXPECT_EQ(unchecked(0), 0u);
    close_all();
    EXPECT_FALSE(within(7s, [&] { return checks(); }));
}

}  // namespace
}  // namespace hitless::test
