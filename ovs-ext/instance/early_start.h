// The first ten seconds of the host: a switch that is started in them counts no CPUs, has no thread for packets that match no flow, and
// drops these until its configuration changes (count_cpu_cores() of lib/ovs-thread.c in OVS 3.1). The clock is that of our time
// namespace, which may begin later than the host's.
#pragma once

#include <chrono>

namespace hitless::instance {

// How much is left of them at 'now', which that clock shows.
std::chrono::nanoseconds left_of_early_start(std::chrono::nanoseconds now);
// Waits for as long: before each start of a switch.
void wait_for_early_start();

}  // namespace hitless::instance
