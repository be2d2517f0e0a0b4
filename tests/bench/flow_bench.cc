// Copying flow tables of a real switch beside what ovs-ofctl takes for the same, in one run:
//
//     tests/in-namespaces build/tests/bench/flow_bench [FLOWS]
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "../system/dummy_switch.h"
#include "state/flows.h"

namespace {

using namespace hitless;

template <typename Work>
double milliseconds(Work work) {
    auto began = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

// Medians of five rounds. In each round both are measured, one right after the other: the machine is the same to them.
struct Pair {
    double ofctl, here;
};

double median(std::vector<double> times) {
    std::ranges::sort(times);
    return times[times.size() / 2];
}

template <typename Prepare, typename Ofctl, typename Here>
Pair compare(Prepare prepare, Ofctl ofctl, Here here) {
    std::vector<double> ofctl_times, here_times;
    for (int i = 0; i < 5; ++i) {
        prepare();
        ofctl_times.push_back(milliseconds(ofctl));
        prepare();
        here_times.push_back(milliseconds(here));
    }
    return {median(ofctl_times), median(here_times)};
}

void print(const char* what, Pair pair) {
    fmt::print("{:<22} {:>9.0f} ms {:>9.0f} ms {:>8.2f}\n", what, pair.ofctl, pair.here, pair.ofctl / pair.here);
}

template <typename T>
T value_of(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

void write_flows(const std::string& file, int flows) {
    std::ofstream out(file);
    for (int i = 0; i < flows; ++i) {
        out << fmt::format("table={},priority=100,tcp,nw_src=10.{}.{}.0/24,tp_dst={},cookie={:#x},actions=set_field:{}->reg1,"
                           "resubmit(,{})\n", i % 50, i / 50 / 256 % 256, i / 50 % 256, 1 + i % 60000, i, i, 60 + i % 9);
    }
}

}  // namespace

int main(int argc, char** argv) {
    int flows = argc > 1 ? std::atoi(argv[1]) : 100'000;
    test::DummySwitch a({"br0"}), b({"br0"});
    std::string file = a.directory() + "/flows";
    write_flows(file, flows);
    instance::Control from(Side::A, a.control_paths()), to(Side::B, b.control_paths());
    state::Flows kind;
    a.ofctl("add-flows", "br0", {file});
    state::Snapshot snapshot;
    Pair dump = compare([&] { snapshot = {}; }, [&] { a.ofctl("dump-flows", "br0"); }, [&] { snapshot = value_of(kind.dump(from)); });
    double longest_ms = static_cast<double>(from.take_longest_request().count()) / 1000;
    Pair load = compare([&] { b.ofctl("del-flows", "br0"); }, [&] { b.ofctl("add-flows", "br0", {file}); }, [&] {
        if (auto loaded = kind.load(to, {snapshot, {}, {}}); !loaded) {
            throw std::runtime_error(loaded.error().message);
        }
    });
    size_t before = mallinfo2().uordblks;
    state::Snapshot again = value_of(kind.dump(from));
    size_t bytes = mallinfo2().uordblks - before;

    fmt::print("{:<22} {:>12} {:>12} {:>8}\n", fmt::format("{} flows", snapshot.size()), "ovs-ofctl", "here", "ratio");
    print("dump", dump);
    print("load into a bundle", load);
    fmt::print("longest that the switch took for one part of a dump: {:.1f} ms\n", longest_ms);
    fmt::print("memory of a snapshot: {} bytes a flow\n", bytes / std::max<size_t>(again.size(), 1));
}
