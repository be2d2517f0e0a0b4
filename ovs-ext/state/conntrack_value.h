// The canonical form of a connection: what is compared between two instances.
//
// Key: zone, protocol, original tuple. Value: reply tuple, mark, labels, helper and, of the state:
//
//   TCP     The states of both peers, their window scales and how they are known.
//   others  Whether packets were seen one way or both ways.
//
// Not part of the value: timeouts and ids, which each instance counts for itself; counters, which the userspace tracker does
// not keep; the parent of a connection made from a helper's expectation, which nothing can load (the copy is a connection of
// its own: its packets are no longer +rel).
//
// TCP states that compare equal although they differ: all pairs in which both peers are at FIN_WAIT_2 or beyond. The
// connection is over then; tcp_conn_update() gives all of them the same timeout and lets a SYN replace any of them.
// All others compare as they are: they decide what the next packet does.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "state/conntrack_types.h"
#include "state/kind.h"

namespace hitless::state {

// The longest timeouts by which the tracker tells both-ways connections apart. The dump does not say it otherwise: a
// connection seen both ways never has more than its *_both_ways_s seconds left, one seen one way starts with more.
// The defaults are those of lib/conntrack-tp.c; where a zone has a policy of its own (table CT_Timeout_Policy) its values
// are to be set. A one-way connection that is idle until no more than the shorter time is left is taken for both ways:
// wrong, but its last packets are half a minute ago, and the next round corrects it when another comes.
struct TimeoutPolicy {
    uint32_t udp_both_ways_s = 30;    // udp_multiple; this default is also that of all protocols that no policy knows
    uint32_t icmp_both_ways_s = 30;   // icmp_reply
};

// Sets connection.direction of a connection that is not TCP from its timeout.
void infer_direction(Connection& connection, const TimeoutPolicy& policy);

// A connection that is over: see above.
bool is_closed(const Connection& connection);

std::string key_of(const Connection& connection);

// What an entry's key says. 'entry' must be one of to_entry().
uint16_t zone_of(const Entry& entry);
uint8_t protocol_of(const Entry& entry);

Entry to_entry(const Connection& connection);

// The connection that 'entry' was made of, as far as it is part of the value. An Error: not made by to_entry().
Result<Connection> from_entry(const Entry& entry);

// Network address translation that leads from 'original' to 'reply'. The tracker translates addresses of one side only.
struct Translation {
    enum class Kind { none, source, destination };
    Kind kind = Kind::none;
    IpAddress address{};
    std::optional<uint16_t> port;   // TCP and UDP
    // The source port was changed besides a destination: not by the rule but because two connections would have had the same
    // reply tuple. Its port results from loading the others first.
    bool source_port_moved = false;
};
Translation infer_translation(const Connection& connection);

// The connection in the words of dpctl/dump-conntrack.
std::string format_connection(const Connection& connection);

}  // namespace hitless::state
