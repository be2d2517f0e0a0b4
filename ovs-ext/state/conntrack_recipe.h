// Packets that make a connection tracker hold a given connection: what to send, and through which action.
//
// Pure logic; conntrack.h sends them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "openflow/connection.h"
#include "state/conntrack_types.h"

namespace hitless::state {

// A TCP segment of a recipe: who sends it and its flags (TcpFlags of packet_builder.h).
struct TcpMove {
    bool reply = false;
    uint8_t flags = 0;

    bool operator==(const TcpMove&) const = default;
};

using TcpStates = std::pair<TcpState, TcpState>;   // sender of the original direction, of the reply direction

// The states after 'move', as tcp_conn_update() of lib/conntrack-tcp.c changes them for a segment that it accepts.
TcpStates after(TcpStates states, TcpMove move);

// The flags by which both senders must have made themselves known, for the window scales to come out the same.
struct TcpShape {
    uint8_t first;         // of the first segment: SYN, or ACK to be picked up as an established connection
    uint8_t first_reply;   // of the first of the reply direction: SYN|ACK or ACK
    bool crossed;          // the latter may be a SYN alone: both opened at once, and the tracker has not looked at its option
};
TcpShape shape_of(const Connection& connection);

// The shortest way from no connection to 'states'. Empty: no segments lead there.
std::vector<TcpMove> tcp_path(TcpStates states, TcpShape shape);

// What both senders will send next, where learnt. 'reply' is about the sender of the reply direction.
struct TcpNumbers {
    uint32_t original = 0;   // next sequence numbers
    uint32_t reply = 0;

    bool operator==(const TcpNumbers&) const = default;
};

// Joins what was learnt of both directions; one of them suffices, for it says what it expects of the other.
std::optional<TcpNumbers> learn_numbers(const Connection& connection, const SequenceLookup& lookup);

// Makes 'connection' anew; appends to 'packets'. With 'numbers', the connection's next real segments pass with the window check
// enabled; without them only with it disabled. An Error: a state to which no packets lead.
Status append_creation(const Connection& connection, const std::optional<TcpNumbers>& numbers,
                       std::vector<openflow::PacketOut>& packets);

// Whether the existing 'old' can be made 'wanted' without being removed first.
bool can_change_in_place(const Connection& old, const Connection& wanted);
void append_change(const Connection& wanted, std::vector<openflow::PacketOut>& packets);

// Moves the windows of an existing TCP connection to 'numbers' while the instance does not check them (dpctl/ct-disable-tcp-seq-chk).
// False when its state would change by that: nothing appended.
bool append_window_move(const Connection& connection, const TcpNumbers& numbers, std::vector<openflow::PacketOut>& packets);

// The same where it is not known which numbers the windows have: in steps of a quarter of the sequence space, of which each is
// ahead of the one before, whatever the first of them finds. Real packets between them do no harm.
bool append_window_walk(const Connection& connection, const TcpNumbers& numbers, std::vector<openflow::PacketOut>& packets);

// A packet after which the connection has its full timeout again. 'numbers': of TCP, where the windows are checked. False: there is
// none that leaves the rest as it is.
bool append_keep_alive(const Connection& connection, const std::optional<TcpNumbers>& numbers,
                       std::vector<openflow::PacketOut>& packets);

// Removes an ICMPv6 connection: dpctl/flush-conntrack with an ICMPv6 tuple aborts ovs-vswitchd (3.1 and older:
// tuple_to_conn_key() in lib/conntrack.c asks reverse_icmp_type(), which knows only ICMPv4). "force" deletes a connection that is hit in its
// reply direction, and an echo reply cannot start a new one.
void append_icmpv6_removal(const Connection& connection, std::vector<openflow::PacketOut>& packets);

// The tuple argument of dpctl/flush-conntrack.
std::string flush_argument(const Connection& connection);

}  // namespace hitless::state
