#include "datapath/host_clock.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace hitless::datapath {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// It is fixed once a namespace has a process.
nanoseconds offset() {
    static const nanoseconds known = [] {
        std::ifstream file("/proc/self/timens_offsets");
        return monotonic_offset(std::string(std::istreambuf_iterator(file), {}));
    }();
    return known;
}

}  // namespace

uint64_t to_kernel_ns(steady_clock::time_point moment) {
    return static_cast<uint64_t>(nanoseconds(moment.time_since_epoch() - offset()).count());
}

steady_clock::time_point from_kernel_ns(uint64_t ns) {
    return steady_clock::time_point(nanoseconds(ns) + offset());
}

// "monotonic           -1   500000000": seconds, and nanoseconds to add to them.
nanoseconds monotonic_offset(std::string_view timens_offsets) {
    std::istringstream words{std::string(timens_offsets)};
    std::string clock;
    for (int64_t seconds = 0, ns = 0; words >> clock >> seconds >> ns;) {
        if (clock == "monotonic") {
            return std::chrono::seconds(seconds) + nanoseconds(ns);
        }
    }
    return {};
}

}  // namespace hitless::datapath
