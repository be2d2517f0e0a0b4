// Sockets in other network namespaces.
//
// A socket belongs to the namespace in which it was made, whichever thread uses it later: so one thread visits the namespaces at
// the start, and the threads that send and receive stay where they are.
#pragma once

#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "probe/flow_spec.h"

namespace hitless::probe {

// Runs 'action' with the calling thread in the network namespace at 'path' (empty: where it is), and returns to its own one.
Status in_namespace(const std::string& path, const std::function<Status()>& action);

struct SocketOptions {
    int type = 0;                       // SOCK_DGRAM or SOCK_STREAM; always non-blocking and close-on-exec
    int buffer_bytes = 0;               // both directions, beyond net.core.*mem_max where privileged; 0: the system's
    bool receive_time_stamps = false;   // SCM_TIMESTAMPNS: the kernel's time of arrival at the host
};

// A socket bound to 'local' in the network namespace at 'path'.
Result<Fd> bound_socket(const std::string& path, const Address& local, const SocketOptions& options);

// Packets that the kernel dropped at this socket since it was made: its receive buffer was full, because we did not run.
Result<uint64_t> receive_drops(int socket);

}  // namespace hitless::probe
