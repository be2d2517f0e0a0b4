#include "datapath/tap_routing.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <algorithm>
#include <cstring>

namespace hitless::datapath {

namespace {

template <auto function>
struct With {
    template <typename T>
    void operator()(T* object) const { function(object); }
};
using Link = std::unique_ptr<rtnl_link, With<rtnl_link_put>>;
using Cache = std::unique_ptr<nl_cache, With<nl_cache_free>>;
using Address = std::unique_ptr<nl_addr, With<nl_addr_put>>;
using AddressObject = std::unique_ptr<rtnl_addr, With<rtnl_addr_put>>;
using RouteObject = std::unique_ptr<rtnl_route, With<rtnl_route_put>>;

std::string text(nl_addr* address) {
    if (!address) {
        return "";
    }
    char buffer[128];
    return nl_addr_get_len(address) == 0 ? "default" : nl_addr2str(address, buffer, sizeof buffer);
}

Result<Address> parse(const std::string& text, int family) {
    nl_addr* address = nullptr;
    if (int error = nl_addr_parse(text.c_str(), family, &address); error < 0) {
        return make_error("address {}: {}", text, nl_geterror(error));
    }
    return Address(address);
}

template <typename Visit>
Status for_each(int error, nl_cache* raw, const char* what, Visit visit) {
    if (error < 0) {
        return make_error("{}: cannot be listed: {}", what, nl_geterror(error));
    }
    Cache cache(raw);
    for (nl_object* object = nl_cache_get_first(raw); object; object = nl_cache_get_next(object)) {
        visit(object);
    }
    return {};
}

Tap make_tap(rtnl_link* link) {
    Tap tap;
    tap.ifindex = rtnl_link_get_ifindex(link);
    tap.up = rtnl_link_get_flags(link) & IFF_UP;
    if (nl_addr* mac = rtnl_link_get_addr(link); mac && nl_addr_get_len(mac) == tap.mac.size()) {
        std::memcpy(tap.mac.data(), nl_addr_get_binary_addr(mac), tap.mac.size());
    }
    return tap;
}

// None where it is of no use to a tunnel: see RoutingCopy.
const rtnl_nexthop* usable_nexthop(rtnl_route* route) {
    bool usable = rtnl_route_get_type(route) == RTN_UNICAST && !(rtnl_route_get_flags(route) & RTM_F_CLONED) &&
                  rtnl_route_get_nnexthops(route) == 1;
    return usable ? rtnl_route_nexthop_n(route, 0) : nullptr;
}

TapRoute make_route(rtnl_route* route) {
    rtnl_nexthop* hop = rtnl_route_nexthop_n(route, 0);
    TapRoute result;
    result.family = rtnl_route_get_family(route);
    result.table = rtnl_route_get_table(route);
    result.gateway = text(rtnl_route_nh_get_gateway(hop));
    result.destination = text(rtnl_route_get_dst(route));
    result.source = text(rtnl_route_get_pref_src(route));
    result.priority = rtnl_route_get_priority(route);
    result.scope = rtnl_route_get_scope(route);
    result.protocol = rtnl_route_get_protocol(route);
    result.tos = rtnl_route_get_tos(route);
    result.onlink = rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK;
    return result;
}

Result<AddressObject> make_object(const Tap& tap, const TapAddress& address) {
    AddressObject object(rtnl_addr_alloc());
    Address local = TRY(parse(address.local, address.family));
    rtnl_addr_set_ifindex(object.get(), tap.ifindex);
    rtnl_addr_set_local(object.get(), local.get());
    if (!address.peer.empty()) {
        Address peer = TRY(parse(address.peer, address.family));
        rtnl_addr_set_peer(object.get(), peer.get());
    }
    if (address.family == AF_INET6) {
        rtnl_addr_set_flags(object.get(), IFA_F_NODAD);   // the host's is the address: B's is never seen
    }
    return object;
}

Result<RouteObject> make_object(const Tap& tap, const TapRoute& route) {
    RouteObject object(rtnl_route_alloc());
    rtnl_route_set_family(object.get(), static_cast<uint8_t>(route.family));
    rtnl_route_set_table(object.get(), route.table);
    rtnl_route_set_type(object.get(), RTN_UNICAST);
    rtnl_route_set_dst(object.get(), TRY(parse(route.destination, route.family)).get());
    rtnl_route_set_scope(object.get(), route.scope);
    rtnl_route_set_protocol(object.get(), route.protocol);
    rtnl_route_set_tos(object.get(), route.tos);
    rtnl_route_set_priority(object.get(), route.priority);
    if (!route.source.empty()) {
        rtnl_route_set_pref_src(object.get(), TRY(parse(route.source, route.family)).get());
    }
    rtnl_nexthop* hop = rtnl_route_nh_alloc();
    rtnl_route_add_nexthop(object.get(), hop);   // owns it
    rtnl_route_nh_set_ifindex(hop, tap.ifindex);
    if (!route.gateway.empty()) {
        rtnl_route_nh_set_gateway(hop, TRY(parse(route.gateway, route.family)).get());
    }
    if (route.onlink) {
        rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
    }
    return object;
}

std::string words(const TapRoute& route) {
    return "route to " + route.destination + (route.gateway.empty() ? "" : " via " + route.gateway) +
           (route.table == RT_TABLE_MAIN ? "" : fmt::format(" in table {}", route.table));
}

Status outcome(int error, int harmless, const std::string& name, const std::string& what) {
    if (error < 0 && error != harmless) {
        return make_error("device {}: {}: {}", name, what, nl_geterror(error));
    }
    return {};
}

}  // namespace

void TapRouting::Close::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<TapRouting> TapRouting::open() {
    TapRouting routing(nl_socket_alloc());
    int error = routing.socket_ ? nl_connect(routing.socket_.get(), NETLINK_ROUTE) : -NLE_NOMEM;
    if (error < 0) {
        return make_error("netlink socket: {}", nl_geterror(error));
    }
    return routing;
}

Result<TapRouting> TapRouting::open_monitor() {
    TapRouting routing = TRY(open());
    int error = nl_socket_add_memberships(routing.socket_.get(), RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                          RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, 0);
    if (error < 0) {
        return make_error("netlink socket: cannot follow changes: {}", nl_geterror(error));
    }
    return routing;
}

int TapRouting::fd() const { return nl_socket_get_fd(socket_.get()); }

Result<std::map<std::string, Tap>> TapRouting::read() const {
    std::map<std::string, Tap> taps;
    std::map<int, Tap*> by_index;
    nl_cache* cache = nullptr;
    int error = rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &cache);
    TRY(for_each(error, cache, "network devices", [&](nl_object* object) {
        auto* link = reinterpret_cast<rtnl_link*>(object);
        const char* type = rtnl_link_get_type(link);
        if (type && std::strcmp(type, "tun") == 0 && rtnl_link_get_name(link)) {
            Tap& tap = taps[rtnl_link_get_name(link)] = make_tap(link);
            by_index[tap.ifindex] = &tap;
        }
    }));
    error = rtnl_addr_alloc_cache(socket_.get(), &cache);
    TRY(for_each(error, cache, "addresses", [&](nl_object* object) {
        auto* address = reinterpret_cast<rtnl_addr*>(object);
        if (auto tap = by_index.find(rtnl_addr_get_ifindex(address)); tap != by_index.end()) {
            std::string local = text(rtnl_addr_get_local(address)), peer = text(rtnl_addr_get_peer(address));
            tap->second->addresses.insert({rtnl_addr_get_family(address), local, peer == local ? "" : peer});
        }
    }));
    error = rtnl_route_alloc_cache(socket_.get(), AF_UNSPEC, 0, &cache);
    TRY(for_each(error, cache, "routes", [&](nl_object* object) {
        auto* route = reinterpret_cast<rtnl_route*>(object);
        const rtnl_nexthop* hop = usable_nexthop(route);
        auto tap = hop ? by_index.find(rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, 0))) : by_index.end();
        if (tap != by_index.end()) {
            tap->second->routes.insert(make_route(route));
        }
    }));
    return taps;
}

Status TapRouting::set_mac(const Tap& tap, const std::string& name, const std::array<uint8_t, 6>& mac) {
    Link old(rtnl_link_alloc()), changes(rtnl_link_alloc());
    rtnl_link_set_ifindex(old.get(), tap.ifindex);
    Address address(nl_addr_build(AF_LLC, mac.data(), mac.size()));
    rtnl_link_set_addr(changes.get(), address.get());
    return outcome(rtnl_link_change(socket_.get(), old.get(), changes.get(), 0), 0, name, "MAC address");
}

Status TapRouting::add_address(const Tap& tap, const std::string& name, const TapAddress& address) {
    auto object = TRY(make_object(tap, address));
    return outcome(rtnl_addr_add(socket_.get(), object.get(), NLM_F_CREATE), -NLE_EXIST, name, "address " + address.local);
}

Status TapRouting::remove_address(const Tap& tap, const std::string& name, const TapAddress& address) {
    auto object = TRY(make_object(tap, address));
    return outcome(rtnl_addr_delete(socket_.get(), object.get(), 0), -NLE_NOADDR, name, "removal of address " + address.local);
}

Status TapRouting::add_route(const Tap& tap, const std::string& name, const TapRoute& route) {
    auto object = TRY(make_object(tap, route));
    return outcome(rtnl_route_add(socket_.get(), object.get(), NLM_F_CREATE), -NLE_EXIST, name, words(route));
}

Status TapRouting::remove_route(const Tap& tap, const std::string& name, const TapRoute& route) {
    auto object = TRY(make_object(tap, route));
    return outcome(rtnl_route_delete(socket_.get(), object.get(), 0), -NLE_OBJ_NOTFOUND, name, "removal of " + words(route));
}

}  // namespace hitless::datapath
