// Reads what `ovs-appctl dpctl/dump-conntrack -m -s [zone=N]` prints, as Open vSwitch 2.17 to 3.7 print it.
//
// One connection a line (ct_dpif_format_entry() in lib/ct-dpif.c):
//
//   tcp,orig=(src=10.1.0.1,dst=10.2.0.2,sport=3000,dport=80),reply=(src=...),id=1,zone=9,status=,timeout=29,mark=5,
//   labels=0x1,protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,...),helper=ftp,parent=(...)
//
// The order of the keys does not matter. Of those that are not known, for newer versions may add some, the last one is named
// (Connection::unknown); what each instance counts for itself (id, status, packets, times) is passed over.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "state/conntrack_types.h"

namespace hitless::state {

// A line of a dump that is longer than this is an Error.
inline constexpr size_t conntrack_line_limit_bytes = 4096;

Result<Connection> parse_connection(std::string_view line);

// Calls 'each' for every connection of 'text', in its order. The first line that is not a connection ends it with an Error that
// quotes it: a connection that is not understood must not be lost silently.
Status parse_conntrack_dump(std::string_view text, const std::function<void(const Connection&)>& each);

// Reads what dpctl/ct-get-nconns prints: the number of connections.
Result<size_t> parse_connection_count(std::string_view text);

}  // namespace hitless::state
