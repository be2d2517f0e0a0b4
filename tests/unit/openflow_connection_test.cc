// An OpenFlow session with a peer that does not behave.
#include "openflow/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/fd.h"

namespace hitless::openflow {
namespace {

using testing::HasSubstr;

constexpr std::chrono::milliseconds limit{500};   // a busy machine takes 100 for a greeting

// A listening socket, served by 'serve' for one client.
class Peer {
  public:
    explicit Peer(std::function<void(int client)> serve) {
        EXPECT_TRUE(mkdtemp(directory_.data()));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        listener_.reset(::socket(AF_UNIX, SOCK_STREAM, 0));
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_.get(), 1), 0);
        thread_ = std::thread([this, serve = std::move(serve)] {
            Fd client(::accept(listener_.get(), nullptr, nullptr));
            serve(client.get());
        });
    }
    ~Peer() {
        thread_.join();
        ::unlink(path().c_str());
        ::rmdir(directory_.c_str());
    }
    std::string path() const { return directory_ + "/s"; }

    static void hello(int client) {
        const uint8_t message[] = {6, 0, 0, 8, 0, 0, 0, 1};
        EXPECT_EQ(::send(client, message, sizeof message, MSG_NOSIGNAL), 8);
    }
    // Reads until the client has gone.
    static void listen_only(int client) {
        char buffer[4096];
        while (::recv(client, buffer, sizeof buffer, 0) > 0) {
        }
    }

  private:
    std::string directory_ = "/tmp/openflow.XXXXXX";
    Fd listener_;
    std::thread thread_;
};

TEST(Connection, ThatIsNotAcceptedNamesTheSocket) {
    auto connection = Connection::open("/nonexistent/br0.mgmt", "br0", limit);
    ASSERT_FALSE(connection.ok());
    EXPECT_THAT(connection.error().message, HasSubstr("bridge br0"));
    EXPECT_THAT(connection.error().message, HasSubstr("/nonexistent/br0.mgmt"));
}

TEST(Connection, ToASilentSwitchIsGivenUp) {
    Peer peer(Peer::listen_only);
    auto connection = Connection::open(peer.path(), "br0", limit);
    ASSERT_FALSE(connection.ok());
    EXPECT_THAT(connection.error().message, HasSubstr("timed out"));
}

TEST(Connection, BreaksWhenTheSwitchFallsSilent) {
    Peer peer([](int client) {
        Peer::hello(client);
        Peer::listen_only(client);
    });
    auto connection = Connection::open(peer.path(), "br0", limit);
    ASSERT_TRUE(connection.ok()) << connection.error().message;
    Status sent = connection->send({});
    ASSERT_FALSE(sent.ok());
    EXPECT_THAT(sent.error().message, HasSubstr("has not answered"));
    EXPECT_FALSE(connection->usable());
    EXPECT_FALSE(connection->send({}).ok());
}

TEST(Connection, BreaksWhenTheSwitchClosesIt) {
    Peer peer([](int client) {
        Peer::hello(client);
        char buffer[64];
        (void) !::recv(client, buffer, sizeof buffer, 0);
    });
    auto connection = Connection::open(peer.path(), "br0", limit);
    ASSERT_TRUE(connection.ok()) << connection.error().message;
    EXPECT_FALSE(connection->send({}).ok());
    EXPECT_FALSE(connection->usable());
}

TEST(Connection, AnswersEchoRequests) {
    std::vector<uint8_t> answer;
    {
        Peer peer([&](int client) {
            Peer::hello(client);
            const uint8_t echo[] = {6, 2, 0, 12, 0, 0, 0, 77, 'a', 'b', 'c', 'd'};
            EXPECT_EQ(::send(client, echo, sizeof echo, MSG_NOSIGNAL), 12);
            uint8_t buffer[4096];
            for (ssize_t n; (n = ::recv(client, buffer, sizeof buffer, 0)) > 0;) {
                answer.insert(answer.end(), buffer, buffer + n);
            }
        });
        auto connection = Connection::open(peer.path(), "br0", limit);
        ASSERT_TRUE(connection.ok()) << connection.error().message;
        EXPECT_FALSE(connection->send({}).ok());   // no barrier reply comes
    }
    const std::vector<uint8_t> expected = {6, 3, 0, 12, 0, 0, 0, 77, 'a', 'b', 'c', 'd'};
    EXPECT_NE(std::search(answer.begin(), answer.end(), expected.begin(), expected.end()), answer.end());
}

// The library would end the program that looks for flows in it.
TEST(Connection, TakesNoMessageOfAnotherKindForAnAnswer) {
    Peer peer([](int client) {
        Peer::hello(client);
        uint8_t message[64];
        for (int hello_and_request = 0; hello_and_request < 2; hello_and_request++) {
            EXPECT_EQ(::recv(client, message, 8, MSG_WAITALL), 8);
            const ssize_t rest = message[3] - 8;
            EXPECT_EQ(::recv(client, message + 8, static_cast<size_t>(rest), MSG_WAITALL), rest);
        }
        message[1] = 21;   // OFPT_BARRIER_REPLY
        message[3] = 8;
        EXPECT_EQ(::send(client, message, 8, MSG_NOSIGNAL), 8);
        Peer::listen_only(client);
    });
    auto connection = Connection::open(peer.path(), "br0", limit);
    ASSERT_TRUE(connection.ok()) << connection.error().message;
    auto answer = connection->request({6, 2, 0, 9, 0, 0, 0, 0, 'a'});
    ASSERT_FALSE(answer.ok());
    EXPECT_THAT(answer.error().message, HasSubstr("bridge br0: the switch answers 'OFPT_BARRIER_REPLY"));
    EXPECT_TRUE(connection->usable());
}

// What became of five requests for echoes, whose answers have no parts. The peer, too, writes into it, until ask_for_five() is over.
struct Echoes {
    static constexpr auto answered_after = limit / 10;   // so that all that it will send is there
    size_t most = 0;                                     // unanswered at any time
    std::vector<size_t> order;
    std::chrono::steady_clock::duration took{};
};

void ask_for_five(size_t at_once, bool give_time, Echoes& echoes) {
    constexpr size_t n = 5, size = 9;
    Peer peer([&](int client) {
        Peer::hello(client);
        uint8_t hello[256];
        EXPECT_EQ(::recv(client, hello, 8, MSG_WAITALL), 8);
        EXPECT_GT(hello[3], 8);   // its length: the versions follow
        const ssize_t rest = hello[3] - 8;   // read before it is overwritten
        EXPECT_EQ(::recv(client, hello, static_cast<size_t>(rest), MSG_WAITALL), rest);
        std::vector<uint8_t> waiting;
        for (size_t answered = 0; answered < n; answered++) {
            uint8_t buffer[4096];
            auto receive = [&](int flags) {
                ssize_t got = ::recv(client, buffer, sizeof buffer, flags);
                waiting.insert(waiting.end(), buffer, buffer + std::max<ssize_t>(got, 0));
            };
            if (waiting.empty()) {
                receive(0);
            }
            std::this_thread::sleep_for(Echoes::answered_after);
            receive(MSG_DONTWAIT);
            echoes.most = std::max(echoes.most, waiting.size() / size);
            waiting[1] = 3;   // OFPT_ECHO_REPLY
            EXPECT_EQ(::send(client, waiting.data(), size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
            waiting.erase(waiting.begin(), waiting.begin() + size);
        }
        Peer::listen_only(client);
    });
    auto connection = Connection::open(peer.path(), "br0", limit);
    ASSERT_TRUE(connection.ok()) << connection.error().message;
    connection->give_time(give_time);
    std::vector<Message> requests;
    for (uint8_t i = 0; i < n; i++) {
        requests.push_back({6, 2, 0, size, 0, 0, 0, 0, i});
    }
    auto began = std::chrono::steady_clock::now();
    Status asked = connection->requests(requests, at_once, [&](size_t request, std::span<const uint8_t> part) -> Status {
        EXPECT_EQ(part.back(), request);
        echoes.order.push_back(request);
        return {};
    });
    echoes.took = std::chrono::steady_clock::now() - began;
    EXPECT_TRUE(asked.ok()) << asked.error().message;
}

TEST(Connection, LeavesNoMoreRequestsUnansweredThanItShall) {
    Echoes echoes;
    ask_for_five(2, false, echoes);
    EXPECT_EQ(echoes.most, 2u);
    EXPECT_EQ(echoes.order, (std::vector<size_t>{0, 1, 2, 3, 4}));
}

TEST(Connection, GivesTheSwitchTimeAfterAllSmallRequestsTogether) {
    Echoes echoes;
    ask_for_five(Connection::all_at_once, true, echoes);
    EXPECT_EQ(echoes.most, 5u);
    EXPECT_EQ(echoes.order, (std::vector<size_t>{0, 1, 2, 3, 4}));
    EXPECT_GE(echoes.took, 10 * Echoes::answered_after);
}

TEST(Connection, GivesTheSwitchTimeAfterEachAnswer) {
    Echoes echoes, hurried;
    ask_for_five(2, true, echoes);
    ask_for_five(1, false, hurried);
    EXPECT_EQ(echoes.most, 1u);
    EXPECT_EQ(echoes.order, (std::vector<size_t>{0, 1, 2, 3, 4}));
    EXPECT_GE(echoes.took, 10 * Echoes::answered_after);
    EXPECT_LT(hurried.took, echoes.took);
}

}  // namespace
}  // namespace hitless::openflow
