#include "upgrade/agent.h"

#include <chrono>

namespace hitless::upgrade {
namespace {

std::chrono::microseconds now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

std::string_view to_string(Verb verb) {
    constexpr std::string_view names[] = {"failover", "transfer", "halt", "activate"};
    return names[static_cast<int>(verb)];
}

Status Agent::tell(Agent& receiver, Verb verb, const std::string& detail) const {
    record_({name_, receiver.name_, std::string(to_string(verb)), detail, now()});
    auto act = receiver.acts_.find(verb);
    if (act == receiver.acts_.end()) {
        return make_error("agent {}: does not know how to {}", receiver.name_, to_string(verb));
    }
    std::string done = TRY(act->second());
    record_({receiver.name_, name_, "acknowledge", done, now()});
    return {};
}

}  // namespace hitless::upgrade
