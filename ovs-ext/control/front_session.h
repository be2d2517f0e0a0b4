// One client of the front, and the request it has in progress. For front.cc; main loop only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "control/front.h"

struct json;
struct jsonrpc;
struct jsonrpc_msg;

namespace hitless::control {

struct RpcClose {
    void operator()(jsonrpc* rpc) const;
};
struct MessageDestroy {
    void operator()(jsonrpc_msg* message) const;
};
using Rpc = std::unique_ptr<jsonrpc, RpcClose>;
using Message = std::unique_ptr<jsonrpc_msg, MessageDestroy>;

class Front::Session {
  public:
    // Serves the client that was accepted as 'client'. 'own_path' is the daemon's control socket. 'passed': as Front::passed().
    Session(Fd client, std::string own_path, std::atomic<uint64_t>& passed);
    ~Session();

    // False when the session is over. 'active_path' is the active instance's control socket, or empty; what is for it waits while
    // it 'rests'.
    bool run(const std::string& active_path, bool rests);
    void wait() const;

  private:
    // One server's part in the request. Done when there is 'reply' or 'failure'.
    struct Upstream {
        bool of_daemon = false;
        std::string path;
        Rpc rpc;
        bool options_first = false;   // the next reply is to the client's options, which it has had already
        Message reply;
        std::string failure;
        std::optional<std::chrono::steady_clock::time_point> deadline;   // set once 'path' is not the active instance's

        bool done() const { return reply || !failure.empty(); }
    };

    bool client_gone() const;
    bool receive();
    bool start(const std::string& active_path, bool rests);
    Upstream open(const jsonrpc_msg& request, bool to_daemon, const std::string& path, const jsonrpc_msg* options = nullptr) const;
    void run_upstream(Upstream& upstream, const std::string& active_path) const;
    void answer();
    Message merged_answer();

    const int fd_;                       // the client's; owned by client_
    const std::string own_path_;
    std::atomic<uint64_t>& passed_;
    Rpc client_;
    Message request_;                    // in progress, or null
    Message options_;                    // "set-options" (Open vSwitch 3.4 and later), for each of the switch's connections anew; or null
    std::vector<Upstream> upstreams_;    // of request_; none while it waits
};

}  // namespace hitless::control
