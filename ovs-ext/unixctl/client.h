// A client of one control socket (what ovs-appctl does), kept connected.
//
// Seam over lib/unixctl.c of libopenvswitch. Blocking: for the threads that do an upgrade's work, never for the main loop.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

struct jsonrpc;

namespace hitless::unixctl {

class Client {
  public:
    // Connects to the control socket at 'path'.
    static Result<Client> connect(const std::string& path);

    // Runs 'command' and returns what it prints. A command that the peer refuses is an Error with the peer's words.
    // When it does not answer within 'limit' the connection is of no more use: the answer may come later.
    Result<std::string> call(const std::string& command, const std::vector<std::string>& arguments = {},
                             std::chrono::milliseconds limit = default_limit);

    // A dump of a million connections takes 10 seconds.
    static constexpr std::chrono::milliseconds default_limit{20'000};

    const std::string& path() const { return path_; }

  private:
    struct Close {
        void operator()(jsonrpc* rpc) const;
    };
    Client(std::string path, jsonrpc* rpc) : path_(std::move(path)), rpc_(rpc) {}

    std::string path_;
    std::unique_ptr<jsonrpc, Close> rpc_;
};

}  // namespace hitless::unixctl
