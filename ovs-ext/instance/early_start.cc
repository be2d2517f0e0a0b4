#include "instance/early_start.h"

#include <algorithm>
#include <thread>

namespace hitless::instance {

using namespace std::chrono_literals;

std::chrono::nanoseconds left_of_early_start(std::chrono::nanoseconds now) {
    return std::max<std::chrono::nanoseconds>(10s - now, 0ns);
}

void wait_for_early_start() {
    std::this_thread::sleep_for(left_of_early_start(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace hitless::instance
