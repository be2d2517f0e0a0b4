// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What the programs of steer.bpf.c and the daemon (datapath/programs.cc) share: the layout of their maps. C and C++.
#ifndef HITLESS_DATAPATH_BPF_STEER_H
#define HITLESS_DATAPATH_BPF_STEER_H 1

#include <linux/types.h>

// Changes with the meaning of what is in the maps: a daemon adopts only the programs of one that means the same.
#define STEER_LAYOUT 3U

enum {
    STEER_MAX_PORTS = 1024,     // ports attached at one time
    STEER_STAMPS = 512,         // arrival times kept per port, see struct steer_stamps
    STEER_LEARNED = 262144,     // TCP directions learned at one time
    STEER_MOVED = 32768,        // of these, such of which segments have passed since connections were read; is read in the hold, whole
    STEER_DIRECTIONS = 262144,  // directions of other protocols known at one time
    STEER_HOSTS = 65536,        // hosts whose port and link-layer header are known at one time
    STEER_PACKET_COST = 1280,   // memory of a held packet besides its bytes: what the kernel keeps with each, and its rounding up
};

// The control word. Zero: everything goes to A, and A's output passes.
//
// The output gate needs no bits of its own: it is open for the side of STEER_SIDE_B, and closed for the other. During the
// hold that is the draining side, from the release on the new one, and never both: frames that a standby made while its
// tables were loaded have been seen on a host's wire when both were open.
#define STEER_SIDE_B 0x1ULL             // the active side is B; not set: A
#define STEER_MODE_MASK 0x6ULL
#define STEER_DIRECT 0x0ULL             // input goes to the active side
#define STEER_HOLD 0x2ULL               // input is held
#define STEER_RELEASE 0x4ULL            // a port's input is held while packets of it are, then goes to the active side
#define STEER_PARTIAL 0x6ULL            // input that may change a connection is held, other goes to the active side
#define STEER_LEARN 0x8ULL              // keep which directions and TCP sequence numbers pass
#define STEER_WATCH 0x10ULL             // with STEER_LEARN: note which TCP directions move on, count what may change a connection

// One entry, mapped into the daemon. The daemon writes 'deadline_ns' before 'word', the programs read their clock before
// 'deadline_ns': a new deadline that was written before the old one passed is therefore seen by all of them in time.
struct steer_control {
    __u64 word;
    __u64 deadline_ns;      // host_clock.h; after it HOLD, PARTIAL and RELEASE mean DIRECT: nobody is left to release
    __u64 hold_limit;       // memory that the holds of all ports may take: a packet beyond it is refused
    __u64 reserved[5];
    __u64 hold_used;        // of it, as estimated: the programs add, the daemon takes off what it has given on
    __u64 changes;          // packets that may have changed a connection, while STEER_WATCH is set; and numbers that could not be noted
    __u64 to_both;          // packets that A's sockets got while B was active, which got them, too
};

// By ifindex of any device in A's namespace that a program is on: the port, its leg's root end, its hold tap.
struct steer_port {
    __u32 index;            // in 'counters' and 'stamps'
    __u32 port_ifindex;
    __u32 leg_ifindex;      // the leg's root end
    __u32 hold_ifindex;
    __u32 tap;              // the port is a tap of vswitchd's own
    __u32 reserved;
};

// One a port, mapped into the daemon. Only the programs write, but for 'released', which only the daemon writes.
struct steer_counters {
    __u64 to_a, to_b;
    __u64 from_a, from_b;
    __u64 gated_a, gated_b;
    __u64 refused;          // dropped because the holds had no more room; not in 'held'
    __u64 reserved;
    __u64 held;             // incremented before the packet goes into the hold
    __u64 reserved_held[7];     // not in one cache line with what the other side writes
    __u64 released;         // given on, or known to be lost in the hold; input goes direct again when it has caught up
    __u64 reserved_released[7];
};

// When the packets in a port's hold arrived: that with number n (of 'held', from 0) at ns[n % STEER_STAMPS].
struct steer_stamps {
    __u64 ns[STEER_STAMPS];
};

// Packets of one direction: same addresses, protocol and ports, as they came in. IPv4 addresses are mapped into IPv6
// (::ffff:a.b.c.d). Network byte order.
struct steer_direction {
    __u8 source[16], destination[16];
    __u16 source_port, destination_port;    // ICMP: type and code, identifier of an echo; fragments and where there are none: 0
    __u32 protocol;
    __u32 ifindex;                          // of the port; TCP, whose numbers are looked up by address: 0
};

// A direction is settled when its packets do what those before them have done: its next one makes no connection and changes none, but
// for what time and numbers do. That is so of one that has been seen of late and not only just now, and of TCP only while it has sent no
// SYN, FIN or RST just now, nor its other direction.
#define STEER_OF_LATE_NS 10000000000ULL
#define STEER_JUST_NOW_NS 500000000ULL

// host_clock.h
struct steer_passage {
    __u64 seen_ns;          // of the last packet
    __s64 unsettled_ns;     // of the first packet, and of the last by which it was not settled; or later: until then it is not
};

enum { STEER_TCP_NO_SCALE = 255 };

// Of a TCP direction. Host byte order.
struct steer_tcp_state {
    struct steer_passage passage;
    __u32 next_seq;         // highest sequence number + length (SYN and FIN count one)
    __u32 ack;              // highest acknowledgement
    __u16 window;           // of the last segment, not scaled
    __u8 window_scale;      // from a SYN; STEER_TCP_NO_SCALE: none was seen
    __u8 flags;             // all TCP flags seen, ored
    __u32 sender;           // digest of the port and link-layer address it came from; 0: unknown
};

// What precedes the IP header of a packet of this address, and where it came in.
struct steer_host_key {
    __u8 address[16];       // as in struct steer_direction
};

enum { STEER_L2_MAX = 22 }; // Ethernet with two VLAN tags

struct steer_host {
    __u32 ifindex;          // of the port
    __u8 l2_length;
    __u8 l2[STEER_L2_MAX];
    __u8 reserved[5];
};

// A packet that goes back into a port's ingress passes XDP there a second time: it carries this header, which XDP takes off.
struct steer_reentry_header {
    __u64 secret;           // random: nobody on the wire can know it
    __u8 reserved[4];
    __u16 ethertype;        // unlike any other, or generic XDP would not look at the real one afterwards
} __attribute__((packed));

#endif
