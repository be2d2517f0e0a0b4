// Addresses and routes of the taps of one network namespace, through libnl-route: what datapath/routing_copy.h compares and sets.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"

struct nl_sock;

namespace hitless::datapath {

struct TapAddress {
    int family = 0;                 // AF_INET, AF_INET6
    std::string local, peer;        // "10.0.0.1/24"; peer is empty where there is none
    auto operator<=>(const TapAddress&) const = default;
};

// In an order in which the kernel takes them: those without a gateway first.
struct TapRoute {
    std::string gateway;            // empty: none
    int family = 0;
    uint32_t table = 0;             // RT_TABLE_MAIN...
    std::string destination;        // "10.0.0.0/24", "default"
    std::string source;             // preferred source address; empty: none
    uint32_t priority = 0;
    uint8_t scope = 0, protocol = 0, tos = 0;
    bool onlink = false;
    auto operator<=>(const TapRoute&) const = default;
};

struct Tap {
    int ifindex = 0;
    bool up = false;
    std::array<uint8_t, 6> mac{};
    std::set<TapAddress> addresses;
    std::set<TapRoute> routes;      // unicast, over this tap alone
};

// Errors name the device and what could not be set.
class TapRouting {
  public:
    // Of the namespace that the calling thread is in now; usable from any thread then, one at a time.
    static Result<TapRouting> open();
    // A descriptor that becomes readable when any device, address or route of that namespace changes; to be emptied by reading.
    static Result<TapRouting> open_monitor();
    int fd() const;

    Result<std::map<std::string, Tap>> read() const;

    Status set_mac(const Tap& tap, const std::string& name, const std::array<uint8_t, 6>& mac);
    Status add_address(const Tap& tap, const std::string& name, const TapAddress& address);
    Status remove_address(const Tap& tap, const std::string& name, const TapAddress& address);
    Status add_route(const Tap& tap, const std::string& name, const TapRoute& route);
    Status remove_route(const Tap& tap, const std::string& name, const TapRoute& route);

  private:
    struct Close {
        void operator()(nl_sock* socket) const;
    };
    explicit TapRouting(nl_sock* socket) : socket_(socket) {}
    std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace hitless::datapath
