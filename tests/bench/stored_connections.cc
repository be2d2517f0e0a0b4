#include "stored_connections.h"

#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>

#include "state/conntrack.h"
#include "state/conntrack_parser.h"

namespace hitless::bench {
namespace {

using namespace hitless::state;
using Clock = std::chrono::steady_clock;

Result<Snapshot> make(const std::string& protocol, size_t count, size_t zones) {
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
        snapshot.push_back(to_entry(TRY(std::move(connection))));
    }
    std::sort(snapshot.begin(), snapshot.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return snapshot;
}

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

}  // namespace

Result<Stored> store_connections(instance::Control& control, const std::string& protocol, size_t count, size_t zones) {
    Stored stored{};
    {
        Snapshot wanted = TRY(make(protocol, count, zones));
        Conntrack kind({}, std::make_shared<SequenceCheck>());
        auto began = Clock::now();
        TRY(kind.load(control, {wanted, {}, {}}));
        stored.load_per_s = static_cast<double>(count) / seconds_since(began);
    }
    malloc_trim(0);
    size_t before = mallinfo2().uordblks;
    Conntrack kind({}, std::make_shared<SequenceCheck>());
    control.take_longest_request();
    auto began = Clock::now();
    Snapshot snapshot = TRY(kind.dump(control));
    stored.read_per_s = static_cast<double>(snapshot.size()) / seconds_since(began);
    stored.longest_request_ms = static_cast<double>(control.take_longest_request().count()) / 1000;
    TRY(control.call("dpctl/ct-enable-tcp-seq-chk"));   // none of these have packets
    if (snapshot.size() < count) {
        return make_error("the switch has only {} of {} connections", snapshot.size(), count);
    }
    stored.bytes_per_entry = (mallinfo2().uordblks - before) / snapshot.size();
    return stored;
}

}  // namespace hitless::bench
