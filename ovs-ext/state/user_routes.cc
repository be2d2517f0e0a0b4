#include "state/user_routes.h"

#include <algorithm>

#include "state/text.h"

namespace hitless::state {

namespace {

// "User: 10.1.0.0/16 MARK 3 dev br0 GW 10.0.0.1 SRC 10.0.0.254", without "User:". False: it is not like that.
bool parse_route(std::string_view line, UserRoute& route) {
    route.destination = next_word(line);
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
        if (word == "local") {
            continue;
        }
        std::string_view value = next_word(line);
        if (value.empty() || (word == "MARK" && !parse_number(value, route.mark))) {
            return false;
        }
        if (word == "dev") {
            route.bridge = value;
        } else if (word == "GW") {
            route.gateway = value;
        } else if (word == "SRC") {
            route.source = value;
        }
    }
    return !route.destination.empty() && !route.bridge.empty();
}

// The word for the mark, at the end of 'arguments'.
void add_mark(const UserRoute& route, std::vector<std::string>& arguments) {
    if (route.mark) {
        arguments.push_back("pkt_mark=" + std::to_string(route.mark));
    }
}

Status add_route(instance::Control& to, const UserRoute& route) {
    std::vector<std::string> arguments = {route.destination, route.bridge};
    if (!route.gateway.empty()) {
        arguments.push_back(route.gateway);
    }
    add_mark(route, arguments);
    auto with_source = arguments;
    with_source.push_back("src=" + route.source);
    // Only later versions take a source; the earlier ones find it by themselves, from the bridge's addresses.
    if (!route.source.empty() && to.call("ovs/route/add", with_source)) {
        return {};
    }
    TRY(to.call("ovs/route/add", arguments));
    return {};
}

Status remove_route(instance::Control& to, const UserRoute& route) {
    std::vector<std::string> arguments = {route.destination};
    add_mark(route, arguments);
    TRY(to.call("ovs/route/del", arguments));
    return {};
}

}  // namespace

Result<std::vector<UserRoute>> parse_user_routes(std::string_view text) {
    std::vector<UserRoute> routes;
    while (!text.empty()) {
        std::string_view line = next_line(text), rest = line;
        if (next_word(rest) != "User:") {
            continue;
        }
        UserRoute route;
        if (!parse_route(rest, route)) {
            return make_error("ovs/route/show: cannot understand '{}'", line.substr(0, 200));
        }
        routes.push_back(std::move(route));
    }
    return routes;
}

Entry to_entry(const UserRoute& route) {
    return {route.destination + " " + std::to_string(route.mark), "dev " + route.bridge +
            (route.gateway.empty() ? "" : " GW " + route.gateway) + (route.source.empty() ? "" : " SRC " + route.source)};
}

Result<UserRoute> to_user_route(const Entry& entry) {
    size_t end = entry.key.find(' ');
    UserRoute route;
    if (end == std::string::npos || !parse_route(entry.key.substr(0, end) + " MARK" + entry.key.substr(end) + " " + entry.value, route)) {
        return make_error("user-routes: damaged entry '{}'", entry.key);
    }
    return route;
}

Result<Snapshot> UserRoutes::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const UserRoute& route : TRY(parse_user_routes(TRY(from.call("ovs/route/show"))))) {
        snapshot.push_back(to_entry(route));
    }
    std::sort(snapshot.begin(), snapshot.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return snapshot;
}

Status UserRoutes::load(instance::Control& to, const Changes& changes) {
    for (const Entry& entry : changes.remove) {
        if (auto removed = remove_route(to, TRY(to_user_route(entry))); !removed) {
            return describe(entry) / removed.error();
        }
    }
    for (const Snapshot* entries : {&changes.change, &changes.add}) {
        for (const Entry& entry : *entries) {
            if (auto added = add_route(to, TRY(to_user_route(entry))); !added) {
                return describe(entry) / added.error();
            }
        }
    }
    return {};
}

std::string UserRoutes::describe(const Entry& entry) const {
    return "route " + entry.key.substr(0, entry.key.find(' ')) + " " + entry.value;
}

}  // namespace hitless::state
