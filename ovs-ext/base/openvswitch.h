// libopenvswitch as C++ sees it. For the .cc files of the seams (openflow/, ovsdb/, unixctl/, journal/, appctl/, control/), of the daemon's
// frame (main, options, termination), and for logging; no header of ours includes it.
//
// The library's private headers have no extern "C" and use C++ keywords as names; what they take from the C and C++ libraries
// is therefore included here first.
#pragma once

#include <config.h>   // libopenvswitch's: before everything else

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// lib/ovs-atomic.h has these names too.
#undef ATOMIC_VAR_INIT
#undef ATOMIC_FLAG_INIT

// Public headers: fit for C++. ofp-errors.h goes first: others forward-declare its enum.
#include "openvswitch/types.h"
#include "openvswitch/ofp-errors.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofp-table.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/shash.h"
#include "openvswitch/vconn.h"
#include "openvswitch/version.h"
#include "openvswitch/vlog.h"
#include "util.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#define new new_
#define class class_
extern "C" {
#include "byte-order.h"
#include "command-line.h"
#include "coverage.h"
#include "daemon.h"
#include "dirs.h"
#include "fatal-signal.h"
#include "jsonrpc.h"
#include "latch.h"
#include "memory.h"
#include "ovsdb-idl.h"
#include "reconnect.h"
#include "simap.h"
#include "smap.h"
#include "sset.h"
#include "stream-ssl.h"
#include "stream.h"
#include "svec.h"
#include "timeval.h"
#include "unixctl.h"
}
#undef new
#undef class
#pragma GCC diagnostic pop

namespace hitless {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};
using MallocString = std::unique_ptr<char, Free>;

}  // namespace hitless
