// What an upgrade computes, without any switch: run it before and after a change of the parsers.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "state/conntrack_parser.h"
#include "state/conntrack_recipe.h"
#include "state/conntrack_value.h"
#include "state/kind.h"

namespace {

using namespace hitless::state;

std::string dump_of(int64_t connections) {
    std::string text;
    for (int64_t i = 0; i < connections; i++) {
        auto port = 1024 + i % 60000;
        auto host = i / 60000;
        text += fmt::format("tcp,orig=(src=10.1.{0}.1,dst=10.2.0.2,sport={1},dport=80),reply=(src=10.2.0.2,dst=10.9.{0}.9,sport=80,"
                            "dport={1}),zone=7,mark=17,labels=0x5eed,timeout=86399,protoinfo=(state_orig=ESTABLISHED,"
                            "state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=7,flags_orig=WINDOW_SCALE,flags_reply=WINDOW_SCALE)\n",
                            host, port);
    }
    return text;
}

Snapshot snapshot_of(const std::string& text) {
    Snapshot snapshot;
    (void) parse_conntrack_dump(text, [&](const Connection& one) { snapshot.push_back(to_entry(one)); }).ok();
    std::ranges::sort(snapshot, {}, &Entry::key);
    return snapshot;
}

void parse_conntrack(benchmark::State& state) {
    std::string text = dump_of(state.range(0));
    for (auto _ : state) {
        size_t parsed = 0;
        benchmark::DoNotOptimize(parse_conntrack_dump(text, [&](const Connection&) { parsed++; }).ok());
        benchmark::DoNotOptimize(parsed);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(parse_conntrack)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void diff_equal(benchmark::State& state) {
    Snapshot snapshot = snapshot_of(dump_of(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(diff(snapshot, snapshot).empty());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(diff_equal)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void build_packets(benchmark::State& state) {
    std::vector<Connection> connections;
    (void) parse_conntrack_dump(dump_of(1000), [&](const Connection& one) { connections.push_back(one); }).ok();
    for (auto _ : state) {
        std::vector<hitless::openflow::PacketOut> packets;
        for (const auto& connection : connections) {
            benchmark::DoNotOptimize(append_creation(connection, std::nullopt, packets).ok());
        }
    }
    state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(build_packets)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
