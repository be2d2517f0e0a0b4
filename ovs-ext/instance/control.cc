#include "instance/control.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace hitless::instance {

std::vector<std::string> Control::bridges() const {
    std::vector<std::string> names;
    for (const auto& [name, path] : paths_.mgmt) {
        names.push_back(name);
    }
    return names;
}

Result<std::string> Control::call(const std::string& command,
                                  const std::vector<std::string>& arguments, std::chrono::milliseconds limit) {
    if (!unixctl_) {
        unixctl_ = TRY(unixctl::Client::connect(paths_.unixctl));
    }
    auto began = std::chrono::steady_clock::now();
    auto reply = unixctl_->call(command, arguments, limit);
    auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    longest_call_ = std::max(longest_call_, took);
    if (gives_time_) {
        std::this_thread::sleep_for(took);
    }
    if (!unixctl_->usable()) {
        unixctl_.reset();   // the next call connects anew
    }
    return reply;
}

void Control::ask(const std::vector<unixctl::Request>& requests) {
    if (unixctl_ && !unixctl_->ask(requests)) {
        unixctl_.reset();
    }
}

void Control::forget_asked() {
    if (unixctl_) {
        unixctl_->forget_asked();
    }
}

void Control::give_time(bool give) {
    gives_time_ = give;
    for (auto& [bridge, session] : openflow_) {
        session.give_time(give);
    }
}

std::chrono::microseconds Control::take_longest_request() {
    auto longest = std::exchange(longest_call_, {});
    for (auto& [bridge, session] : openflow_) {
        longest = std::max(longest, session.take_longest_request());
    }
    return longest;
}

Result<openflow::Connection*> Control::openflow(const std::string& bridge) {
    auto open = openflow_.find(bridge);
    if (open != openflow_.end() && !open->second.usable()) {
        openflow_.erase(open);
        open = openflow_.end();
    }
    if (open == openflow_.end()) {
        auto path = paths_.mgmt.find(bridge);
        if (path == paths_.mgmt.end()) {
            return make_error("bridge {}: instance {} has none", bridge, to_string(side_));
        }
        open = openflow_.emplace(bridge, TRY(openflow::Connection::open(path->second, bridge))).first;
    }
    return &open->second;
}

void Control::reset(ControlPaths paths) {
    unixctl_.reset();
    openflow_.clear();
    paths_ = std::move(paths);
}

}  // namespace hitless::instance
