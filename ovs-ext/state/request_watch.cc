#include "state/request_watch.h"

namespace hitless::state {

Result<RequestWatch::Bridge> RequestWatch::open(const instance::Control& from, const std::string& bridge) const {
    auto path = from.paths().mgmt.find(bridge);
    if (path == from.paths().mgmt.end()) {
        return make_error("bridge {}: instance {} has none", bridge, to_string(from.side()));
    }
    auto changed = std::make_unique<bool>(false);
    openflow::Connection connection = TRY(openflow::watch_requests(
        path->second, bridge, forwarded_, [flag = changed.get()](std::span<const uint8_t> message) {
            *flag = *flag || openflow::is_forwarded_request(message);
        }));
    return Bridge{std::move(connection), std::move(changed)};
}

Status RequestWatch::start(instance::Control& from) {
    stop();
    for (const std::string& bridge : from.bridges()) {
        bridges_.emplace(bridge, TRY(open(from, bridge)));
    }
    return {};
}

bool RequestWatch::changed(const instance::Control& from, const std::string& bridge) {
    auto known = bridges_.find(bridge);
    if (known != bridges_.end() && known->second.connection.send({})) {
        return std::exchange(*known->second.changed, false);
    }
    // A new bridge, or a broken connection: nothing is known of the time since.
    bridges_.erase(bridge);
    if (Result<Bridge> opened = open(from, bridge); opened) {
        bridges_.emplace(bridge, std::move(*opened));
    }
    return true;
}

}  // namespace hitless::state
