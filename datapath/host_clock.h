// The clock by which programs in the kernel measure, bpf_ktime_get_ns(): CLOCK_MONOTONIC of the host. In a time namespace
// (time_namespaces(7)) that of a process is another.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace hitless::datapath {

// Nanoseconds on the kernel's clock, and the same moment on the process's.
uint64_t to_kernel_ns(std::chrono::steady_clock::time_point moment);
std::chrono::steady_clock::time_point from_kernel_ns(uint64_t ns);

// By how much the clock of the processes of a time namespace is ahead of the host's, according to its file /proc/PID/timens_offsets;
// zero where the kernel has no such namespaces, and no such file.
std::chrono::nanoseconds monotonic_offset(std::string_view timens_offsets);

}  // namespace hitless::datapath
