// FlowSpec: one --flow argument of ovs-hitless-probe.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hitless::probe {

// An IPv4 or IPv6 socket address.
struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    int family() const { return storage.ss_family; }
    uint16_t port() const;
    void set_port(uint16_t port);
    std::string to_string() const;   // "10.0.0.1:7000", "[fd00::1]:7000"
    bool operator==(const Address& other) const;
};

// 'text': a numeric IPv4 or IPv6 address.
Result<Address> make_address(const std::string& text, uint16_t port);

struct FlowSpec {
    std::string from, to;          // paths of network namespaces; empty: the caller's
    Address source, destination;
    bool both = false;             // the receiver sends back to where the packets came from, as any UDP server would
    unsigned flows = 1;            // so many, from successive source ports
};

// Parses "from=NETNS,to=NETNS,src=ADDRESS,dst=ADDRESS[,sport=PORT][,dport=PORT][,both][,flows=N]". Ports that are not given are
// default_port for both ends.
Result<FlowSpec> parse_flow(const std::string& text, uint16_t default_port);

// The single flows of 'spec'.
std::vector<FlowSpec> expand(const FlowSpec& spec);

}  // namespace hitless::probe
