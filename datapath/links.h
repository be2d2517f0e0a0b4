// Network devices of one namespace, through libnl-route. The only file with libnl's types is links.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

struct nl_sock;

namespace hitless::datapath {

struct LinkInfo {
    std::string name;
    unsigned ifindex = 0;
    std::array<uint8_t, 6> mac{};
    uint32_t mtu = 0;
    uint32_t tx_queue_length = 0;
    bool up = false, running = false;
    uint64_t tx_packets = 0;            // of a tap: read by its process
    uint64_t tx_dropped = 0;
};

struct LinkChange {
    std::optional<bool> up;
    std::optional<uint32_t> mtu, tx_queue_length;
};

// Errors name the device.
class Links {
  public:
    // Of the namespace that the calling thread is in now; usable from any thread then, one at a time.
    static Result<Links> open();

    Result<LinkInfo> get(const std::string& name) const;
    Result<std::vector<LinkInfo>> list() const;
    Status change(const std::string& name, const LinkChange& change);

    // Has the kernel tell everyone once more what the device is like, of which nothing changes.
    Status announce(const std::string& name);

    // Makes a pair of Ethernet devices, both down: 'name' here, 'peer_name' in the namespace of 'peer_namespace' (an fd).
    struct Peer {
        std::string name;
        int namespace_fd;
        std::optional<std::array<uint8_t, 6>> mac;     // none: a random one
        uint32_t mtu;
    };
    Status make_pair(const std::string& name, uint32_t mtu, const Peer& peer);

    // Puts no queueing discipline on the device: packets go to its driver at once.
    Status set_no_queue(const std::string& name);

    // Many together: each time the kernel waits for whoever may be using them. No error for those that do not exist.
    Status remove(const std::vector<std::string>& names);

  private:
    struct Close {
        void operator()(nl_sock* socket) const;
    };
    Status remove_together(std::span<const std::string> names);

    explicit Links(nl_sock* socket) : socket_(socket) {}
    std::unique_ptr<nl_sock, Close> socket_;
};

// For devices of the calling thread's namespace.

// Turns IPv6 off on a device, before it comes up: it must not solicit or report by itself. No error on a host without IPv6.
Status disable_ipv6(const std::string& name);

// Turns checksum offload of transmitted packets off, and with it segmentation offload.
Status disable_tx_offload(const std::string& name);

}  // namespace hitless::datapath
