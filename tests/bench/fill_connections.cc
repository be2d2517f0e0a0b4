// Gives a running switch connections that no host has, and tells how fast it took them and gives them back:
//
//     fill_connections CONTROL-SOCKET BRIDGE MGMT-SOCKET tcp|udp COUNT ZONES
//
// Half of the TCP connections have a translated source. One line of JSON; memory is this process's for reading them once.
#include <fmt/core.h>
#include <malloc.h>

#include <chrono>
#include <cstdlib>

#include "state/conntrack.h"
#include "state/conntrack_parser.h"

namespace {

using namespace hitless::state;
using Clock = std::chrono::steady_clock;

Snapshot make(const std::string& protocol, size_t count, size_t zones) {
    Snapshot snapshot;
    for (size_t i = 0; i < count; i++) {
        std::string source = fmt::format("10.{}.{}.{}", 100 + (i >> 16), i >> 8 & 255, i & 255);
        std::string line = fmt::format("{},orig=(src={},dst=192.0.2.1,sport=40000,dport=443),reply=(src=192.0.2.1,dst={},sport=443,dport={}),"
                                       "zone={},mark=7,labels=0x5eed",
                                       protocol, source, protocol == "tcp" && i % 2 ? fmt::format("198.51.{}.{}", i >> 8 & 255, i & 255) : source,
                                       40000 + (protocol == "tcp" && i % 2 ? i >> 16 : 0), 1000 + i % zones);
        if (protocol == "tcp") {
            line += ",protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=7,flags_orig=WINDOW_SCALE,"
                    "flags_reply=WINDOW_SCALE)";
        }
        auto connection = parse_connection(line);
        if (!connection) {
            fmt::print(stderr, "fill_connections: {}\n", connection.error().message);
            std::exit(1);
        }
        snapshot.push_back(to_entry(*connection));
    }
    std::sort(snapshot.begin(), snapshot.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return snapshot;
}

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        fmt::print(stderr, "usage: fill_connections CONTROL-SOCKET BRIDGE MGMT-SOCKET tcp|udp COUNT ZONES\n");
        return 2;
    }
    size_t count = std::strtoul(argv[5], nullptr, 10), zones = std::max(1ul, std::strtoul(argv[6], nullptr, 10));
    hitless::instance::Control control(hitless::Side::A, {argv[1], {{argv[2], argv[3]}}});
    Snapshot wanted = make(argv[4], count, zones);
    double load_s = 0, read_s = 0;
    {
        Conntrack kind({}, std::make_shared<SequenceCheck>());
        auto began = Clock::now();
        if (auto loaded = kind.load(control, {wanted, {}, {}}); !loaded) {
            fmt::print(stderr, "fill_connections: {}\n", loaded.error().message);
            return 1;
        }
        load_s = seconds_since(began);
    }
    wanted = {};
    malloc_trim(0);
    size_t before = mallinfo2().uordblks;
    Conntrack kind({}, std::make_shared<SequenceCheck>());
    auto began = Clock::now();
    auto snapshot = kind.dump(control);
    read_s = seconds_since(began);
    size_t bytes = mallinfo2().uordblks - before;
    (void) control.call("dpctl/ct-enable-tcp-seq-chk").ok();   // none of these have packets
    if (!snapshot || snapshot->size() < count) {
        fmt::print(stderr, "fill_connections: the switch has only {} of them\n", snapshot ? snapshot->size() : 0);
        return 1;
    }
    fmt::print("{{\"load_per_s\": {:.0f}, \"read_per_s\": {:.0f}, \"bytes_per_entry\": {}, \"longest_request_ms\": {:.1f}}}\n", count / load_s,
               count / read_s, bytes / snapshot->size(), static_cast<double>(control.take_longest_request().count()) / 1000);
}
