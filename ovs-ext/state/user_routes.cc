#include "state/user_routes.h"

#include <algorithm>

#include "state/text.h"

namespace hitless::state {

namespace {

// Of the kernel's <linux/rtnetlink.h>: those beside the main one that `ovs/route/show table=all` does not name either.
constexpr uint32_t default_table = 253, local_table = 255;

bool set_property(UserRoute& route, std::string_view name, std::string_view value) {
    if (name == "MARK") {
        return parse_number(value, route.mark);
    }
    if (name == "table") {
        return parse_number(value, route.table);
    }
    std::string* text = name == "dev" ? &route.bridge : name == "GW" ? &route.gateway : name == "SRC" ? &route.source : nullptr;
    if (text) {
        *text = value;
    }
    return text && !value.empty();
}

// "10.1.0.0/16 MARK 3 dev br0 GW 10.0.0.1 SRC 10.0.0.254 table 10".
Result<UserRoute> parse_route(std::string_view line) {
    std::string_view rest = line;
    UserRoute route;
    route.destination = next_word(rest);
    for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
        if (word == "local") {
            continue;
        }
        if (word == "nhid" || word == "nexthop") {   // after 3.7
            return make_error("route {}: it goes by next hops of the kernel's, which cannot be carried: ovs-appctl ovs/route/del takes "
                              "it away", route.destination);
        }
        if (!set_property(route, word, next_word(rest))) {
            route.bridge.clear();
            break;
        }
    }
    if (route.destination.empty() || route.bridge.empty()) {
        return make_error("ovs/route/show: cannot understand '{}'", line.substr(0, 200));
    }
    return route;
}

// The words for mark and table, at the end of 'arguments'.
void add_selectors(const UserRoute& route, std::vector<std::string>& arguments) {
    if (route.mark) {
        arguments.push_back("pkt_mark=" + std::to_string(route.mark));
    }
    if (route.table != UserRoute::main_table) {
        arguments.push_back("table=" + std::to_string(route.table));
    }
}

Status add_route(instance::Control& to, const UserRoute& route) {
    std::vector<std::string> arguments = {route.destination, route.bridge};
    if (!route.gateway.empty()) {
        arguments.push_back(route.gateway);
    }
    add_selectors(route, arguments);
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
    add_selectors(route, arguments);
    TRY(to.call("ovs/route/del", arguments));
    return {};
}

// Of one table among several; none: the switch has no such table.
Result<std::vector<UserRoute>> read_table(instance::Control& from, uint32_t table) {
    auto shown = from.call("ovs/route/show", {"table=" + std::to_string(table)});
    if (!shown && shown.error().message.find("not found") != std::string::npos) {
        return std::vector<UserRoute>{};
    }
    auto routes = TRY(parse_user_routes(TRY(std::move(shown))));
    for (UserRoute& route : routes) {
        route.table = table;
    }
    return routes;
}

Result<std::vector<UserRoute>> read_routes(instance::Control& from) {
    auto all = from.call("ovs/route/show", {"table=all"});
    if (!all && all.error().message.find("takes at most") != std::string::npos) {   // before 3.7
        return parse_user_routes(TRY(from.call("ovs/route/show")));
    }
    auto routes = TRY(parse_user_routes(TRY(std::move(all))));
    std::erase_if(routes, [](const UserRoute& route) { return route.table == UserRoute::main_table; });   // or another standard one
    for (uint32_t table : {default_table, UserRoute::main_table, local_table}) {
        auto more = TRY(read_table(from, table));
        routes.insert(routes.end(), more.begin(), more.end());
    }
    return routes;
}

}  // namespace

Result<std::vector<UserRoute>> parse_user_routes(std::string_view text) {
    std::vector<UserRoute> routes;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (next_word(line) == "User:") {
            routes.push_back(TRY(parse_route(line)));
        }
    }
    return routes;
}

Entry to_entry(const UserRoute& route) {
    return {fmt::format("{} MARK {} table {}", route.destination, route.mark, route.table), "dev " + route.bridge +
            (route.gateway.empty() ? "" : " GW " + route.gateway) + (route.source.empty() ? "" : " SRC " + route.source)};
}

Result<UserRoute> to_user_route(const Entry& entry) {
    auto route = parse_route(entry.key + " " + entry.value);
    return route ? std::move(route) : make_error("user-routes: damaged entry '{}'", entry.key);
}

Result<Snapshot> UserRoutes::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const UserRoute& route : TRY(read_routes(from))) {
        snapshot.push_back(to_entry(route));
    }
    sort_by_key(snapshot);
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
    return "route " + entry.key + " " + entry.value;
}

}  // namespace hitless::state
