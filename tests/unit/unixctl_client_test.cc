// A client of a control socket whose process does not behave.
#include "unixctl/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <regex>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace hitless::unixctl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A control socket, served by 'serve' for one client.
class Peer {
  public:
    explicit Peer(std::function<void(int client)> serve) {
        EXPECT_TRUE(::mkdtemp(directory_.data()));
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

    // Reads until the client has gone; 'answer' is sent after the first that was read, with the request's number for "ID".
    static void listen(int client, std::string answer) {
        char buffer[4096];
        while (ssize_t n = ::recv(client, buffer, sizeof buffer, 0)) {
            if (n < 0) {
                return;
            }
            std::string request(buffer, static_cast<size_t>(n));
            auto id = request.find("\"id\":");
            if (auto at = answer.find("ID"); at != std::string::npos && id != std::string::npos) {
                answer.replace(at, 2, std::to_string(std::atoi(request.c_str() + id + 5)));
            }
            EXPECT_EQ(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL), static_cast<ssize_t>(answer.size()));
            answer.clear();
        }
    }

  private:
    std::string directory_ = "/tmp/unixctl.XXXXXX";
    Fd listener_;
    std::thread thread_;
};

Result<std::string> call(const Peer& peer, std::chrono::milliseconds limit) {
    auto client = Client::connect(peer.path());
    return client ? client->call("fdb/show", {"br0"}, limit) : Result<std::string>(client.error());
}

Client connected(const Peer& peer) {
    auto client = Client::connect(peer.path());
    EXPECT_TRUE(client);
    return std::move(*client);
}

TEST(UnixctlClient, ReturnsWhatTheCommandPrints) {
    Peer peer([](int client) { Peer::listen(client, R"({"id":ID,"result":"port VLAN\n","error":null})"); });
    auto reply = call(peer, 5s);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(*reply, "port VLAN\n");
}

TEST(UnixctlClient, ARefusalIsAnErrorWithThePeersWords) {
    Peer peer([](int client) { Peer::listen(client, R"({"id":ID,"result":null,"error":"no such bridge\n"})"); });
    EXPECT_THAT(call(peer, 5s).error().message, testing::EndsWith("fdb/show: no such bridge"));
}

TEST(UnixctlClient, AProcessThatIsBlockedDoesNotBlockUs) {
    Peer peer([](int client) { Peer::listen(client, ""); });
    auto began = std::chrono::steady_clock::now();
    auto reply = call(peer, 100ms);
    ASSERT_FALSE(reply);
    EXPECT_THAT(reply.error().message, HasSubstr("no answer to fdb/show within 100 ms"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST(UnixctlClient, AHalfAnswerIsNone) {
    Peer peer([](int client) { Peer::listen(client, R"({"id":ID,"result":"po)"); });
    EXPECT_THAT(call(peer, 100ms).error().message, HasSubstr("no answer"));
}

TEST(UnixctlClient, AProcessThatEndsIsAnError) {
    Peer peer([](int client) {
        char buffer[4096];
        (void) ::recv(client, buffer, sizeof buffer, 0);
    });
    EXPECT_THAT(call(peer, 5s).error().message, HasSubstr("fdb/show failed"));
}

// Answers all requests, in the order of their arrival, with what was asked, when 'together' of them have come.
void answer_together(int client, size_t together) {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(client, buffer, sizeof buffer, 0)) > 0;) {
        text.append(buffer, static_cast<size_t>(n));
        static const std::regex request(R"re("id":(\d+),"method":"([^"]*)")re");
        std::vector<std::smatch> found(std::sregex_iterator(text.begin(), text.end(), request), {});
        if (found.size() < together) {
            continue;
        }
        for (const auto& match : found) {
            auto answer = fmt::format(R"({{"id":{},"result":"{} {}","error":null}})", match[1].str(), match[2].str(), match[1].str());
            EXPECT_EQ(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL), static_cast<ssize_t>(answer.size()));
        }
        text.clear();
        together = 1;
    }
}

TEST(UnixctlClient, WhatWasAskedTogetherIsTakenOneByOne) {
    Peer peer([](int client) { answer_together(client, 3); });
    auto client = connected(peer);
    ASSERT_TRUE(client.ask({{"fdb/show", {"br0"}}, {"mdb/show", {"br0"}}}));
    auto version = *client.call("version", {}, 5s);   // the third
    auto mdb = *client.call("mdb/show", {"br0"}, 5s), fdb = *client.call("fdb/show", {"br0"}, 5s);
    EXPECT_THAT(version, testing::StartsWith("version"));
    EXPECT_THAT(mdb, testing::StartsWith("mdb/show"));
    EXPECT_THAT(fdb, testing::StartsWith("fdb/show"));
    EXPECT_NE(*client.call("fdb/show", {"br0"}, 5s), fdb) << "what it printed is taken once";
}

TEST(UnixctlClient, WhatWasAskedAndForgottenIsAskedAnew) {
    Peer peer([](int client) { answer_together(client, 1); });
    auto client = connected(peer);
    ASSERT_TRUE(client.ask({{"fdb/show", {"br0"}}}));
    *client.call("version", {}, 5s);   // fdb/show has been answered by now
    auto id = [](const std::string& answer) { return std::stoll(answer.substr(answer.find(' '))); };
    client.forget_asked();
    auto version = *client.call("version", {}, 5s);
    EXPECT_GT(id(*client.call("fdb/show", {"br0"}, 5s)), id(version));
}

TEST(UnixctlClient, ARefusalLeavesItUsableASilentPeerDoesNot) {
    Peer refusing([](int client) { Peer::listen(client, R"({"id":ID,"result":null,"error":"no"})"); });
    auto refused = connected(refusing);
    EXPECT_FALSE(refused.call("mdb/show", {}, 5s));
    EXPECT_TRUE(refused.usable());
    Peer silent([](int client) { Peer::listen(client, ""); });
    auto unheard = connected(silent);
    EXPECT_FALSE(unheard.call("mdb/show", {}, 10ms));
    EXPECT_FALSE(unheard.usable());
}

}  // namespace
}  // namespace hitless::unixctl
