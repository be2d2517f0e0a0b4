// The control sockets of one running instance, as the state kinds use them: its control commands and an OpenFlow session with
// each of its bridges, opened on first use and kept, so that a request in the hold costs no connection set-up.
//
// Used by one thread at a time.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/side.h"
#include "openflow/connection.h"
#include "unixctl/client.h"

namespace hitless::instance {

struct ControlPaths {
    std::string unixctl;                        // the instance's own control socket (not the front)
    std::map<std::string, std::string> mgmt;    // bridge name -> path of its OpenFlow management socket
};

class Control {
  public:
    Control(Side side, ControlPaths paths) : side_(side), paths_(std::move(paths)) {}

    Side side() const { return side_; }
    const ControlPaths& paths() const { return paths_; }

    // Names of the bridges, sorted.
    std::vector<std::string> bridges() const;

    // Runs an ovs-appctl command. Error when it is not answered within 'limit'.
    Result<std::string> call(const std::string& command, const std::vector<std::string>& arguments = {},
                             std::chrono::milliseconds limit = unixctl::Client::default_limit);

    // Asks at once for what later calls of the same commands shall return, as of now: Client::ask(). Where that fails they ask themselves.
    void ask(const std::vector<unixctl::Request>& requests);
    void forget_asked();

    // The longest that a single request of all that were answered since the last call of this took: while its main thread
    // works on one, the instance forwards nothing.
    std::chrono::microseconds take_longest_request();

    // The session with 'bridge'; owned by this object, valid as long as it. A failed one is opened anew.
    Result<openflow::Connection*> openflow(const std::string& bridge);

    // Forgets all connections (the process was restarted).
    void reset(ControlPaths paths);

    // Its sockets have moved; connections that there are go on.
    void follow(ControlPaths paths) { paths_ = std::move(paths); }

  private:
    friend class Unhurried;
    void give_time(bool give);

    Side side_;
    ControlPaths paths_;
    bool gives_time_ = false;
    std::chrono::microseconds longest_call_{};
    std::optional<unixctl::Client> unixctl_;
    std::map<std::string, openflow::Connection> openflow_;
};

// While it exists, an instance that forwards is left alone after each request for as long as that took, so that it works off the packets
// that have come meanwhile. Not for a hold, in which they wait for the answers.
class Unhurried {
  public:
    explicit Unhurried(Control& control) : control_(control) { control_.give_time(true); }
    ~Unhurried() { control_.give_time(false); }
    Unhurried(const Unhurried&) = delete;
    Unhurried& operator=(const Unhurried&) = delete;

  private:
    Control& control_;
};

}  // namespace hitless::instance
