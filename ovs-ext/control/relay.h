// Relay: connects the standby with the controllers of the operator's switch, and programs that came in a hold with the instance
// that is active after it.
//
// The standby lives in a network namespace of its own, from which the host's 127.0.0.1 and routes cannot be reached. For each
// controller of each bridge there is a Unix domain socket in the standby's run directory (OVS takes a "unix:" target elsewhere
// for no controller) and whatever the switch connects to it is copied, both ways, to a TCP connection made in the host's
// namespace. One thread, one poll loop; each direction of a connection holds at most buffer_bytes. An end of file is passed on
// once everything before it is written, and the other direction lives on. When either side fails, both are closed: reconnecting
// is the client's business.
//
// Who connects to a socket of which it is not yet said where it leads is in its queue until then. Of those who then go to a Unix
// domain socket only a few are in its queue at any time: others must find room there, too.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "control/controllers_plan.h"
#include "control/network_namespace.h"

namespace hitless::control {

class Relay {
  public:
    static constexpr size_t buffer_bytes = 64 << 10;
    static constexpr size_t max_connections = 256;   // of all; further ones wait in the sockets' queues

    // 'where': the namespace that the TCP connections are made in.
    static Result<std::unique_ptr<Relay>> start(const NetworkNamespace& where = {});
    // Ends all connections and removes the sockets.
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    using Destination = std::variant<ControllerAddress, std::string>;   // or the path of a Unix domain socket

    // Any thread. listen() is ready for connections when it returns; with no destination they wait for lead(). stop() ends that
    // socket's connections too.
    Status listen(const std::string& path, std::optional<Destination> destination);
    Status lead(const std::string& path, Destination destination);
    Status stop(const std::string& path);

    // Connections that are established with their destination.
    size_t established() const;
    size_t established(const std::string& path) const;   // of those that were made to 'path'

  private:
    struct Listener {
        Fd socket;
        std::optional<Destination> destination;
        Fd turned_away;   // a client for which the destination had no room
    };
    class Connection;

    Relay() = default;
    void serve();
    // Accepts on the listener at 'path'.
    void accept_from(const std::string& path, Listener& listener);
    // Whether it may be accepted on the listener at 'path' now.
    bool has_room(const std::string& path, const Listener& listener) const;
    void wake() const;

    Fd wake_;
    mutable std::mutex mutex_;   // for all below; held by the thread but while it polls
    bool stop_ = false;
    uint64_t generation_ = 0;    // changes with listeners_: what was polled before is forgotten
    std::map<std::string, Listener> listeners_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::thread thread_;
};

}  // namespace hitless::control
