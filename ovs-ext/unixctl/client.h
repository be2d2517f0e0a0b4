// A client of one control socket (what ovs-appctl does), kept connected.
//
// Seam over lib/unixctl.c of libopenvswitch. Blocking: for the threads that do an upgrade's work, never for the main loop.
#pragma once

#include <chrono>
#include <compare>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

struct jsonrpc;
struct jsonrpc_msg;

namespace hitless::unixctl {

struct Request {
    std::string command;
    std::vector<std::string> arguments;

    auto operator<=>(const Request&) const = default;
};

class Client {
  public:
    // Connects to the control socket at 'path'.
    static Result<Client> connect(const std::string& path);

    // Runs 'command' and returns what it prints. A command that the peer refuses is an Error with the peer's words.
    // When it does not answer within 'limit' the connection is of no more use: the answer may come later.
    Result<std::string> call(const std::string& command, const std::vector<std::string>& arguments = {},
                             std::chrono::milliseconds limit = default_limit);

    // Sends all of 'requests' at once; the next call() of each takes what it printed, as of now. A switch answers what it has got in one
    // turn of its main loop, which takes it 1 ms with 256 ports [measured].
    Status ask(const std::vector<Request>& requests);
    // What was asked and is not taken yet is not wanted any more.
    void forget_asked();

    // False after an Error other than a refusal.
    bool usable() const { return usable_; }

    // A dump of a million connections takes 10 seconds.
    static constexpr std::chrono::milliseconds default_limit{20'000};

    const std::string& path() const { return path_; }

  private:
    struct Close {
        void operator()(jsonrpc* rpc) const;
    };
    struct DestroyMessage {
        void operator()(jsonrpc_msg* message) const;
    };
    using Message = std::unique_ptr<jsonrpc_msg, DestroyMessage>;
    Client(std::string path, jsonrpc* rpc) : path_(std::move(path)), rpc_(rpc) {}

    int send(const Request& request, long long int& id);
    std::pair<Message, int> receive(long long int id, long long int deadline_ms);

    std::string path_;
    std::unique_ptr<jsonrpc, Close> rpc_;
    bool usable_ = true;
    std::map<Request, long long int> asked_;           // and not taken: the numbers of the requests
    std::map<long long int, Message> answers_;         // to such
};

}  // namespace hitless::unixctl
