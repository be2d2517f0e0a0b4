// Doing something in another network namespace than the daemon's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace hitless::control {

// The network namespace at a path such as /proc/PID/ns/net; nothing means the daemon's own.
using NetworkNamespace = std::optional<std::string>;

// The calling thread enters 'where' for good. For threads that live there; never for the main thread.
Status enter(const NetworkNamespace& where);

// Runs 'function' inside 'where', on a thread of its own, to its end. Sockets made by it stay there.
Status run_inside(const NetworkNamespace& where, const std::function<Status()>& function);

// The number by which BPF programs know a network namespace (SO_NETNS_COOKIE, Linux 5.14).
Result<uint64_t> netns_cookie(const NetworkNamespace& where);

}  // namespace hitless::control
