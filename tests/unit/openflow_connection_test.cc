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

constexpr std::chrono::milliseconds limit{100};

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

}  // namespace
}  // namespace hitless::openflow
