// Copying connections of a real switch (whose datapath is a dummy's, with the connection tracker of every userspace datapath):
//
//     tests/in-namespaces build/tests/bench/conntrack_bench [CONNECTIONS [ZONES]]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "../system/dummy_switch.h"
#include "stored_connections.h"

namespace {

// The median of 'values' by 'member'.
template <typename T>
T median(std::vector<hitless::bench::Stored> values, T hitless::bench::Stored::* member) {
    std::ranges::sort(values, {}, member);
    return values[values.size() / 2].*member;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace hitless;
    size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000, zones = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 50;
    constexpr int rounds = 5;
    fmt::print("{} connections in {} zones; medians of {} rounds\n", count, zones, rounds);
    fmt::print("{:<6} {:>12} {:>12} {:>14} {:>18}\n", "", "load/s", "read/s", "bytes/entry", "one request takes");
    for (const char* protocol : {"tcp", "udp"}) {
        std::vector<bench::Stored> all;
        for (int i = 0; i < rounds; i++) {
            test::DummySwitch dummy({"br0"});   // a new one: what is in its memory is part of how fast it is
            instance::Control control(Side::A, dummy.control_paths());
            auto stored = bench::store_connections(control, protocol, count, std::max<size_t>(zones, 1));
            if (!stored) {
                fmt::print(stderr, "conntrack_bench: {}\n", stored.error().message);
                return 1;
            }
            all.push_back(*stored);
        }
        fmt::print("{:<6} {:>12.0f} {:>12.0f} {:>14} {:>15.1f} ms\n", protocol, median(all, &bench::Stored::load_per_s),
                   median(all, &bench::Stored::read_per_s), median(all, &bench::Stored::bytes_per_entry),
                   median(all, &bench::Stored::longest_request_ms));
    }
}
