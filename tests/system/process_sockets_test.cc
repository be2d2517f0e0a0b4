// What is done to the sockets of a running stock switch from outside.

#include "datapath/process_sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>
#include <thread>

#include "datapath/promiscuous.h"
#include "outgoing.h"
#include "steering_fixture.h"

namespace hitless::test {
namespace {

class ProcessSocketsTest : public SteeringTest {};

Fd connect_to(const std::string& socket) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un path = {};
    path.sun_family = AF_UNIX;
    std::strncpy(path.sun_path, socket.c_str(), sizeof path.sun_path - 1);
    return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&path), sizeof path) ? Fd() : std::move(fd);
}

// A process of its own that is connected to 'socket', and ends when the connection does.
class OtherProgram {
  public:
    explicit OtherProgram(const std::string& socket) {
        int ready[2];
        EXPECT_EQ(::pipe(ready), 0);
        pid_ = ::fork();
        if (!pid_) {
            Fd fd = connect_to(socket);
            char buffer[4096];
            bool told = ::write(ready[1], "", 1) == 1;
            while (told && ::read(fd.get(), buffer, sizeof buffer) > 0) {
            }
            ::_exit(0);
        }
        Fd writer(ready[1]), reader(ready[0]);
        writer.reset();
        char byte;
        EXPECT_EQ(::read(reader.get(), &byte, 1), 1);
    }
    ~OtherProgram() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    bool disconnected_within(std::chrono::milliseconds limit) {
        for (auto deadline = Clock::now() + limit; Clock::now() < deadline;) {
            if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
                pid_ = -1;
                return true;
            }
            std::this_thread::sleep_for(5ms);
        }
        return false;
    }

  private:
    pid_t pid_;
};

bool closed_within(int fd, std::chrono::milliseconds limit) {
    auto deadline = Clock::now() + limit;
    char buffer[4096];
    while (Clock::now() < deadline) {
        pollfd request = {fd, POLLIN, 0};
        if (::poll(&request, 1, 10) > 0 && ::recv(fd, buffer, sizeof buffer, 0) <= 0) {
            return true;
        }
    }
    return false;
}

TEST_P(ProcessSocketsTest, ShutsDownOnlyTheSessionsAskedFor) {
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    uint16_t port = ntohs(address.sin_port);
    ASSERT_OK(a_->vsctl({"set-controller", "br0", fmt::format("tcp:127.0.0.1:{}", port)}));
    pollfd waiting = {listener.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 10000), 1) << "the switch does not connect to its controller";
    Fd controller(::accept(listener.get(), nullptr, nullptr));

    // One of another program, as ovn-controller has it, and our own, which is spared.
    const std::string management = directory_ + "/a/br0.mgmt";
    OtherProgram program(management);
    Fd own = connect_to(management);
    ASSERT_TRUE(own);
    ASSERT_OK(a_->round_trip());
    ASSERT_OK(a_->round_trip());

    // Another controller's address: only the management session.
    std::vector<datapath::SocketAddress> other = {{"127.0.0.1", static_cast<uint16_t>(port + 1)}}, ours = {{"127.0.0.1", port}};
    EXPECT_EQ(must(datapath::shutdown_sessions(a_->pid(), other)), 1u);
    EXPECT_TRUE(program.disconnected_within(2s));
    EXPECT_FALSE(closed_within(own.get(), 100ms));
    EXPECT_FALSE(closed_within(controller.get(), 100ms));
    EXPECT_EQ(must(datapath::shutdown_sessions(a_->pid(), ours)), 1u);
    EXPECT_TRUE(closed_within(controller.get(), 2s));
    ASSERT_OK(a_->round_trip());
}

TEST_P(ProcessSocketsTest, FindsPortsAndEnlargesTheirBuffers) {
    auto sockets = must(datapath::ProcessSockets::open(a_->pid()));
    EXPECT_EQ(sockets.packet_sockets(), static_cast<size_t>(host_count));
    EXPECT_EQ(sockets.taps(), 1u);
    ASSERT_OK(sockets.enlarge_receive_buffers(8 << 20));
    ASSERT_OK(sockets.accept_all([this] { return a_->round_trip(); }, 1s));
    EXPECT_TRUE(sockets.empty());
    EXPECT_EQ(sockets.dropped(), 0u);
    auto failed = sockets.accept_all([]() -> Status { return make_error("no answer"); }, 1s);
    ASSERT_FALSE(failed.ok());
    EXPECT_FALSE(datapath::ProcessSockets::open(1 << 22).ok());
}

TEST_P(ProcessSocketsTest, KnowsWhenAllIsTakenThoughMoreComes) {
    auto sockets = must(datapath::ProcessSockets::open(a_->pid()));
    ping_all();
    auto traffic = must(Traffic::start(streams(5000)));
    ASSERT_OK(sockets.accept_all([this] { return a_->round_trip(); }, 2s));
    EXPECT_FALSE(sockets.accept_all([]() -> Status { return make_error("no answer"); }, 2s).ok());
    // The negative control: a switch that takes nothing.
    ASSERT_EQ(::kill(a_->pid(), SIGSTOP), 0);
    std::this_thread::sleep_for(50ms);
    bool taken = sockets.accept_all([] { return Status(); }, 200ms).ok();
    ASSERT_EQ(::kill(a_->pid(), SIGCONT), 0);
    EXPECT_FALSE(taken);
}

TEST_P(ProcessSocketsTest, ForwardsWithoutBeingOfferedWhatItSends) {
    EXPECT_EQ(sockets_offered_outgoing(a_->pid()), static_cast<size_t>(host_count));
    auto sockets = must(datapath::ProcessSockets::open(a_->pid()));
    ASSERT_OK(sockets.ignore_outgoing(true));
    EXPECT_EQ(sockets_offered_outgoing(a_->pid()), 0u);
    ping_all();
    ASSERT_OK(sockets.ignore_outgoing(false));
    EXPECT_EQ(sockets_offered_outgoing(a_->pid()), static_cast<size_t>(host_count));
}

// Else it would look at all of its ports again and again, and forward nothing meanwhile.
TEST_P(ProcessSocketsTest, IsToldOfNoDevicesThatSteeringMakes) {
    auto told = [this] {
        // The kernel tells of some changes as much as a second later; the switch adds its counters up once a second, when it wakes up.
        std::this_thread::sleep_for(1100ms);
        EXPECT_TRUE(a_->round_trip().ok());
        std::this_thread::sleep_for(1100ms);
        EXPECT_TRUE(a_->round_trip().ok());
        return must(a_->appctl({"coverage/read-counter", "nln_changed"}));
    };
    auto device_comes_and_goes = [] {
        must(run_checked({"ip", "link", "add", "hlx0", "type", "veth", "peer", "hlx1"}));
        must(run_checked({"ip", "link", "delete", "hlx0"}));
    };
    auto sockets = must(datapath::ProcessSockets::open(a_->pid()));
    ASSERT_OK(sockets.hide_devices(options().prefix));
    auto before = told();
    attach();
    ASSERT_OK(steering_->remove_port("p2"));
    ASSERT_OK(steering_->detach_all());
    EXPECT_EQ(told(), before);
    device_comes_and_goes();
    auto of_another = told();
    EXPECT_NE(of_another, before);

    ASSERT_OK(sockets.show_devices());
    ASSERT_OK(sockets.show_devices());
    steering_ = must(datapath::make_steering(options()));
    ASSERT_OK(steering_->attach(ports_));
    ASSERT_OK(steering_->detach_all());
    EXPECT_NE(told(), of_another);
    ping_all();
}

TEST_P(ProcessSocketsTest, PromiscuousModeOutlivesTheSwitch) {
    auto promiscuity = [] { return must(run_checked({"ip", "-d", "link", "show", "p1"})).find("promiscuity 0") == std::string::npos; };
    {
        std::vector<std::string> ports = {"p1", "p2"};
        auto held = must(datapath::Promiscuous::hold(ports));
        // An orderly end: a killed switch does not clear the flag.
        Process process = must(Process::open(a_->pid()));
        ASSERT_OK(a_->appctl({"exit"}));
        ASSERT_OK(process.wait_end(5s));
        a_.reset();
        EXPECT_TRUE(promiscuity());
    }
    EXPECT_FALSE(promiscuity());
    std::vector<std::string> missing = {"nosuch"};
    EXPECT_FALSE(datapath::Promiscuous::hold(missing).ok());
}

INSTANTIATE_TEST_SUITE_P(Stock, ProcessSocketsTest, ::testing::Values(TcMethod::automatic));

}  // namespace
}  // namespace hitless::test
