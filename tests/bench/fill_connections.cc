// Gives a running switch connections that no host has, and tells how fast it took them and gives them back, in one line of JSON:
//
//     fill_connections CONTROL-SOCKET BRIDGE MGMT-SOCKET tcp|udp COUNT ZONES
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "stored_connections.h"

int main(int argc, char** argv) {
    if (argc != 7) {
        fmt::print(stderr, "usage: fill_connections CONTROL-SOCKET BRIDGE MGMT-SOCKET tcp|udp COUNT ZONES\n");
        return 2;
    }
    size_t count = std::strtoul(argv[5], nullptr, 10), zones = std::max(1ul, std::strtoul(argv[6], nullptr, 10));
    hitless::instance::Control control(hitless::Side::A, {argv[1], {{argv[2], argv[3]}}});
    auto stored = hitless::bench::store_connections(control, argv[4], count, zones);
    if (!stored) {
        fmt::print(stderr, "fill_connections: {}\n", stored.error().message);
        return 1;
    }
    fmt::print("{{\"load_per_s\": {:.0f}, \"read_per_s\": {:.0f}, \"bytes_per_entry\": {}, \"longest_request_ms\": {:.1f}}}\n",
               stored->load_per_s, stored->read_per_s, stored->bytes_per_entry, stored->longest_request_ms);
}
