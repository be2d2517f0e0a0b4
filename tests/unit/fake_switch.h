// A control socket that answers as a switch of any version would.
#pragma once

#include <gtest/gtest.h>
#include <json/json.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "control/unix_socket.h"
#include "instance/control.h"

namespace hitless {

class FakeSwitch {
  public:
    static constexpr const char* refusal = "error: ";   // before an answer that is an error

    using Answers = std::map<std::string, std::string>;
    // What it answers to commands with their arguments ("fdb/show br0"). Of another it says that it is no command, and with
    // other arguments than these that it takes fewer. It works on each for as long as it 'takes'.
    explicit FakeSwitch(Answers answers, std::chrono::milliseconds takes = {}) : answers_(std::move(answers)), takes_(takes) {
        EXPECT_TRUE(::mkdtemp(directory_.data()));
        auto listener = control::listen_unix(path());
        EXPECT_TRUE(listener.ok());
        listener_ = std::move(*listener);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeSwitch() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
        ::unlink(path().c_str());
        ::rmdir(directory_.c_str());
    }

    instance::Control control(Side side = Side::A) const { return {side, {path(), {}}}; }
    // Of a switch with one bridge, which has no management socket.
    instance::Control control_of_bridge(const std::string& bridge) const { return {Side::A, {path(), {{bridge, ""}}}}; }

    void change(const std::string& command, const std::string& answer) {
        std::lock_guard lock(mutex_);
        answers_[command] = answer;
    }

    // All commands with their arguments up to now.
    std::vector<std::string> asked() const {
        std::lock_guard lock(mutex_);
        return asked_;
    }

  private:
    std::string path() const { return directory_ + "/s"; }

    void serve() {
        pollfd ready = {listener_.get(), POLLIN, 0};
        while (::poll(&ready, 1, -1) > 0) {
            Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!client) {
                return;
            }
            std::string text(65536, '\0');
            for (ssize_t n = 0; (n = ::recv(client.get(), text.data(), text.size(), 0)) > 0;) {
                std::this_thread::sleep_for(takes_);
                auto reply = answer(text.substr(0, static_cast<size_t>(n)));
                ::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
            }
        }
    }

    std::string answer(const std::string& request) {
        Json::Value json;
        EXPECT_TRUE(Json::Reader().parse(request, json)) << request;
        std::string method = json["method"].asString(), call = method;
        for (const auto& argument : json["params"]) {
            call += " " + argument.asString();
        }
        Json::Value reply;
        reply["id"] = json["id"];
        reply["result"] = reply["error"] = Json::Value();
        std::lock_guard lock(mutex_);
        asked_.push_back(call);
        if (auto found = answers_.find(call); found != answers_.end()) {
            bool refused = found->second.starts_with(refusal);
            reply[refused ? "error" : "result"] = found->second.substr(refused ? std::char_traits<char>::length(refusal) : 0);
        } else if (answers_.contains(method)) {
            reply["error"] = "\"" + method + "\" command takes at most 0 arguments";
        } else {
            reply["error"] = "\"" + method + "\" is not a valid command (use \"list-commands\" to see a list of valid commands)";
        }
        return Json::FastWriter().write(reply);
    }

    std::string directory_ = "/tmp/fake-switch.XXXXXX";
    Answers answers_;
    std::chrono::milliseconds takes_;
    Fd listener_;
    mutable std::mutex mutex_;
    std::vector<std::string> asked_;
    std::thread thread_;
};

}  // namespace hitless
