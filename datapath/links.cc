#include "datapath/links.h"

#include <linux/ethtool.h>
#include <linux/pkt_sched.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "base/fd.h"
#include "datapath/host_settings.h"

namespace hitless::datapath {

namespace {

struct PutLink {
    void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using Link = std::unique_ptr<rtnl_link, PutLink>;

struct FreeCache {
    void operator()(nl_cache* cache) const { nl_cache_free(cache); }
};

struct PutAddress {
    void operator()(nl_addr* address) const { nl_addr_put(address); }
};

struct FreeMessage {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};

struct PutQdisc {
    void operator()(rtnl_qdisc* qdisc) const { rtnl_qdisc_put(qdisc); }
};

// The kernel has the lock of all its network settings (RTNL) while it removes devices, and waits some 20 ms after each time. A, which
// forwards, may have to wait for that lock.
constexpr size_t removed_together = 32;

// libnl's own codes are positive errors of its table, negated.
Error netlink_error(int code, const std::string& name, const char* what) {
    return make_error("device {}: {}: {}", name, what, nl_geterror(code));
}

LinkInfo info(rtnl_link* link) {
    LinkInfo result;
    result.name = rtnl_link_get_name(link) ? rtnl_link_get_name(link) : "";
    result.ifindex = static_cast<unsigned>(rtnl_link_get_ifindex(link));
    if (nl_addr* mac = rtnl_link_get_addr(link); mac && nl_addr_get_len(mac) == result.mac.size()) {
        std::memcpy(result.mac.data(), nl_addr_get_binary_addr(mac), result.mac.size());
    }
    result.mtu = rtnl_link_get_mtu(link);
    result.tx_queue_length = rtnl_link_get_txqlen(link);
    result.up = rtnl_link_get_flags(link) & IFF_UP;
    result.running = rtnl_link_get_flags(link) & IFF_RUNNING;
    result.tx_packets = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS);
    result.tx_dropped = rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED);
    return result;
}

Result<Link> fetch(nl_sock* socket, const std::string& name) {
    rtnl_link* link = nullptr;
    if (int error = rtnl_link_get_kernel(socket, 0, name.c_str(), &link); error < 0) {
        return netlink_error(error, name, "not found");
    }
    return Link(link);
}

}  // namespace

void Links::Close::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<Links> Links::open() {
    nl_sock* socket = nl_socket_alloc();
    if (!socket) {
        return make_error("netlink socket: out of memory");
    }
    Links links(socket);
    if (int error = nl_connect(socket, NETLINK_ROUTE); error < 0) {
        return make_error("netlink socket: {}", nl_geterror(error));
    }
    return links;
}

Result<LinkInfo> Links::get(const std::string& name) const { return info(TRY(fetch(socket_.get(), name)).get()); }

Result<std::vector<LinkInfo>> Links::list() const {
    nl_cache* raw = nullptr;
    if (int error = rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &raw); error < 0) {
        return make_error("network devices: cannot be listed: {}", nl_geterror(error));
    }
    std::unique_ptr<nl_cache, FreeCache> cache(raw);
    std::vector<LinkInfo> result;
    for (nl_object* object = nl_cache_get_first(cache.get()); object; object = nl_cache_get_next(object)) {
        result.push_back(info(reinterpret_cast<rtnl_link*>(object)));
    }
    return result;
}

Status Links::change(const std::string& name, const LinkChange& change) {
    Link old = TRY(fetch(socket_.get(), name));
    Link changes(rtnl_link_alloc());
    rtnl_link_set_ifindex(changes.get(), rtnl_link_get_ifindex(old.get()));
    if (change.mtu) {
        rtnl_link_set_mtu(changes.get(), *change.mtu);
    }
    if (change.tx_queue_length) {
        rtnl_link_set_txqlen(changes.get(), *change.tx_queue_length);
    }
    if (change.up) {
        *change.up ? rtnl_link_set_flags(changes.get(), IFF_UP) : rtnl_link_unset_flags(changes.get(), IFF_UP);
    }
    if (int error = rtnl_link_change(socket_.get(), old.get(), changes.get(), 0); error < 0) {
        return netlink_error(error, name, "cannot be changed");
    }
    return {};
}

Status Links::announce(const std::string& name) {
    Link old = TRY(fetch(socket_.get(), name));
    Link same(rtnl_link_alloc());
    rtnl_link_set_ifindex(same.get(), rtnl_link_get_ifindex(old.get()));
    const char* alias = rtnl_link_get_ifalias(old.get());
    rtnl_link_set_ifalias(same.get(), alias ? alias : "");   // of a device's settings the one of which Linux tells, changed or not
    if (int error = rtnl_link_change(socket_.get(), old.get(), same.get(), 0); error < 0) {
        return netlink_error(error, name, "cannot be announced");
    }
    return {};
}

Status Links::make_pair(const std::string& name, uint32_t mtu, const Peer& peer) {
    Link link(rtnl_link_veth_alloc());
    if (!link) {
        return make_error("device {}: out of memory", name);
    }
    rtnl_link_set_name(link.get(), name.c_str());
    rtnl_link_set_mtu(link.get(), mtu);
    Link far(rtnl_link_veth_get_peer(link.get()));
    rtnl_link_set_name(far.get(), peer.name.c_str());
    rtnl_link_set_mtu(far.get(), peer.mtu);
    rtnl_link_set_ns_fd(far.get(), peer.namespace_fd);
    if (peer.mac) {
        std::unique_ptr<nl_addr, PutAddress> mac(nl_addr_build(AF_LLC, peer.mac->data(), peer.mac->size()));
        rtnl_link_set_addr(far.get(), mac.get());
    }
    if (int error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL); error < 0) {
        return netlink_error(error, name, "cannot be made");
    }
    return {};
}

Status Links::set_no_queue(const std::string& name) {
    LinkInfo link = TRY(get(name));
    std::unique_ptr<rtnl_qdisc, PutQdisc> qdisc(rtnl_qdisc_alloc());
    rtnl_tc_set_ifindex(TC_CAST(qdisc.get()), static_cast<int>(link.ifindex));
    rtnl_tc_set_parent(TC_CAST(qdisc.get()), TC_H_ROOT);
    rtnl_tc_set_kind(TC_CAST(qdisc.get()), "noqueue");
    if (int error = rtnl_qdisc_add(socket_.get(), qdisc.get(), NLM_F_CREATE | NLM_F_REPLACE); error < 0) {
        return netlink_error(error, name, "queueing discipline noqueue");
    }
    return {};
}

Status Links::remove(const std::vector<std::string>& names) {
    for (std::span<const std::string> left(names); !left.empty(); left = left.subspan(std::min(left.size(), removed_together))) {
        TRY(remove_together(left.first(std::min(left.size(), removed_together))));
    }
    return {};
}

// They are made a group for this, of a number that nobody else has.
Status Links::remove_together(std::span<const std::string> names) {
    const uint32_t group = std::random_device()() | 1;   // 0: the group of all devices that were given none
    bool any = false;
    for (const auto& name : names) {
        auto device = fetch(socket_.get(), name);
        if (!device) {
            continue;
        }
        Link member(rtnl_link_alloc());
        rtnl_link_set_group(member.get(), group);
        if (int error = rtnl_link_change(socket_.get(), device->get(), member.get(), 0); error < 0 && error != -NLE_NODEV) {
            return netlink_error(error, name, "cannot be removed");
        }
        any = true;
    }
    if (!any) {
        return {};
    }
    std::unique_ptr<nl_msg, FreeMessage> request(nlmsg_alloc_simple(RTM_DELLINK, 0));
    ifinfomsg header = {};
    if (!request || nlmsg_append(request.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0 ||
        nla_put_u32(request.get(), IFLA_GROUP, group) < 0) {
        return netlink_error(-NLE_NOMEM, names.front(), "cannot be removed");
    }
    int error = nl_send_sync(socket_.get(), request.release());   // which frees the request
    if (error < 0 && error != -NLE_NODEV && error != -NLE_OBJ_NOTFOUND) {
        return netlink_error(error, names.front(), "cannot be removed, and those that were to go with it");
    }
    return {};
}

Status disable_ipv6(const std::string& name) {
    std::string path = "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6";
    if (::access(path.c_str(), F_OK)) {
        return {};
    }
    TRY(exchange_setting(path, "1"));
    return {};
}

Status disable_tx_offload(const std::string& name) {
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_value value = {.cmd = ETHTOOL_STXCSUM, .data = 0};
    ifreq request = {};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    if (!socket || ::ioctl(socket.get(), SIOCETHTOOL, &request)) {
        return make_errno_error(errno, "device {}: cannot turn checksum offload off", name);
    }
    return {};
}

}  // namespace hitless::datapath
