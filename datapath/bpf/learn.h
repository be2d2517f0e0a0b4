// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Learns what passes: which directions are settled (struct steer_direction), and the sequence numbers, windows and window scales of TCP
// segments: a connection that is made in the other instance with exactly these passes its sequence check (lib/conntrack-tcp.c of OVS,
// tcp_conn_update()).
#ifndef HITLESS_DATAPATH_BPF_LEARN_H
#define HITLESS_DATAPATH_BPF_LEARN_H 1

#include "packet.h"

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEER_LEARNED);
    __type(key, struct steer_direction);
    __type(value, struct steer_tcp_state);
} learned SEC(".maps");

// Of protocols other than TCP, and what is without ports.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEER_DIRECTIONS);
    __type(key, struct steer_direction);
    __type(value, struct steer_passage);
} passages SEC(".maps");

// TCP directions of which segments have passed while STEER_WATCH was set, as 'learned' had them after the last one. What has no room
// counts as a change of its connection.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, STEER_MOVED);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct steer_direction);
    __type(value, struct steer_tcp_state);
} moved SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEER_HOSTS);
    __type(key, struct steer_host_key);
    __type(value, struct steer_host);
} hosts SEC(".maps");

// The window scale option of a SYN (RFC 7323 section 2.2). The position is kept as a number of known range, and not as a
// pointer: the verifier then sees the same state in each turn of the loop, and gives up on the pointer after a million steps.
static __always_inline __u8 window_scale(const struct tcphdr *tcp, const void *end)
{
    const __u8 *options = (const __u8 *) (tcp + 1);
    __u32 length = tcp->doff * 4 - sizeof *tcp;
    __u32 position = 0;
    for (int i = 0; i < 16; i++) {
        position &= 63;
        const __u8 *option = options + position;
        if (option + 3 > (const __u8 *) end || position + 3 > length || option[0] == 0) {
            break;
        }
        if (option[0] == 3) {
            return option[2] > 14 ? 14 : option[2];
        }
        __u32 step = option[0] == 1 ? 1 : option[1];
        if (step < 1 || step > 40 || (option[0] != 1 && step < 2)) {
            break;
        }
        position += step;
        if (position > 40) {
            break;
        }
        asm volatile("" : "+r"(position));
    }
    return STEER_TCP_NO_SCALE;
}

// Of a segment that begins or ends a connection.
static __always_inline bool is_turn(const struct tcphdr *tcp)
{
    return tcp->syn || tcp->fin || tcp->rst;
}

static __always_inline bool is_settled(const struct steer_passage *passage, const struct tcphdr *tcp, __u64 now)
{
    return passage && now - passage->seen_ns < STEER_OF_LATE_NS && (__s64) now - passage->unsettled_ns > (__s64) STEER_JUST_NOW_NS &&
           !(tcp && is_turn(tcp));
}

static __always_inline struct steer_passage *passage_of(const struct packet *packet)
{
    if (!packet->tcp) {
        return bpf_map_lookup_elem(&passages, &packet->direction);
    }
    struct steer_tcp_state *state = bpf_map_lookup_elem(&learned, &packet->direction);
    return state ? &state->passage : 0;
}

// In a partial hold: whether the packet goes to the active side. If not, none of its direction does until 'deadline_ns', so that they
// stay in order.
static __always_inline bool may_pass(const void *data, const void *end, __u32 ifindex, __u64 deadline_ns)
{
    struct packet packet;
    enum packet_kind kind = parse(&packet, data, end, ifindex);
    if (kind != PACKET_IP) {
        return kind == PACKET_PLAIN;
    }
    struct steer_passage *passage = passage_of(&packet);
    if (is_settled(passage, packet.tcp, bpf_ktime_get_ns())) {
        return true;
    }
    if (passage) {
        passage->unsettled_ns = deadline_ns;
    }
    return false;
}

static __always_inline void unsettle_other(const struct steer_direction *direction, __u64 now)
{
    struct steer_direction other = {
        .source_port = direction->destination_port,
        .destination_port = direction->source_port,
        .protocol = direction->protocol,
    };
    __builtin_memcpy(other.source, direction->destination, 16);
    __builtin_memcpy(other.destination, direction->source, 16);
    struct steer_tcp_state *state = bpf_map_lookup_elem(&learned, &other);
    if (state) {
        state->passage.unsettled_ns = now;
    }
}

// Returns whether the direction was settled.
static __always_inline bool learn_passage(const struct packet *packet, __u64 now)
{
    struct steer_passage *known = bpf_map_lookup_elem(&passages, &packet->direction);
    bool settled = is_settled(known, 0, now);
    if (known) {
        known->seen_ns = now;
    } else {
        struct steer_passage fresh = {.seen_ns = now, .unsettled_ns = now};
        bpf_map_update_elem(&passages, &packet->direction, &fresh, BPF_ANY);
    }
    return settled;
}

static __always_inline void renew(struct steer_tcp_state *state, const struct tcphdr *tcp, __u32 next)
{
    if ((__s32) (next - state->next_seq) > 0) {
        state->next_seq = next;
    }
    if (tcp->ack && (!(state->flags & 0x10) || (__s32) (bpf_ntohl(tcp->ack_seq) - state->ack) > 0)) {
        state->ack = bpf_ntohl(tcp->ack_seq);
    }
}

// What became of a segment.
struct lesson {
    bool settled;           // the direction was
    bool noted;             // where it was to be
    bool another;           // its sender may be another one than that of the segment before
};

// 'sender': a digest of it.
static __always_inline struct lesson learn_segment(const struct packet *packet, const void *end, __u64 now, bool note, __u32 sender)
{
    const struct tcphdr *tcp = packet->tcp;
    const struct steer_direction *direction = &packet->direction;
    __u32 header = tcp->doff * 4;
    if (header < sizeof *tcp || packet->payload < header || packet->payload > 0xffff) {
        return (struct lesson) {.settled = true, .noted = true};    // the connection tracker takes no notice of it, either
    }
    __u32 next = bpf_ntohl(tcp->seq) + (packet->payload - header) + tcp->syn + tcp->fin;
    __u8 flags = ((const __u8 *) tcp)[13];
    __u8 scale = tcp->syn ? window_scale(tcp, end) : STEER_TCP_NO_SCALE;

    struct steer_tcp_state *known = bpf_map_lookup_elem(&learned, direction);
    struct lesson lesson = {
        .settled = is_settled(known ? &known->passage : 0, tcp, now),
        .another = !known || known->sender != sender,
    };
    if (!known || is_turn(tcp)) {
        unsettle_other(direction, now);
    }
    struct steer_tcp_state fresh = {
        .passage = {.seen_ns = now, .unsettled_ns = now},
        .next_seq = next,
        .ack = tcp->ack ? bpf_ntohl(tcp->ack_seq) : 0,
        .window = bpf_ntohs(tcp->window),
        .window_scale = scale,
        .flags = flags,
        .sender = sender,
    };
    // A SYN without ACK begins a new connection on the same ports.
    if (!known || (tcp->syn && !tcp->ack)) {
        bpf_map_update_elem(&learned, direction, &fresh, BPF_ANY);
        known = &fresh;
    } else {
        renew(known, tcp, next);
        if (tcp->syn) {
            known->window_scale = scale;
        }
        known->window = fresh.window;
        known->flags |= flags;
        known->sender = sender;
        known->passage.seen_ns = now;
        if (is_turn(tcp)) {
            known->passage.unsettled_ns = now;
        }
    }
    lesson.noted = !note || !bpf_map_update_elem(&moved, direction, known, BPF_ANY);
    return lesson;
}

// How the sender of a frame is reached: at the port 'ifindex', by the frame's own header with the addresses exchanged.
static __always_inline void learn_host(const __u8 *address, const void *data, const void *end, __u32 l2_length, __u32 ifindex)
{
    const __u8 *l2 = data;
    if (l2 + STEER_L2_MAX > (const __u8 *) end || (l2[0] & 1)) {
        return;
    }
    struct steer_host_key key;
    struct steer_host host = {.ifindex = ifindex, .l2_length = l2_length};
    __builtin_memcpy(key.address, address, sizeof key.address);
    __builtin_memcpy(host.l2, l2, STEER_L2_MAX);
    bpf_map_update_elem(&hosts, &key, &host, BPF_ANY);
}

// Of a frame from the port 'ifindex'; 'host': by which its sender is reached; 'watch': STEER_WATCH, for which a packet that may change
// a connection adds to 'changes'.
static __always_inline void learn(const void *data, const void *end, __u32 ifindex, bool host, bool watch, __u64 *changes)
{
    struct packet packet;
    enum packet_kind kind = parse(&packet, data, end, ifindex);
    struct lesson lesson = {.settled = kind == PACKET_PLAIN, .noted = true};
    if (kind == PACKET_IP && !packet.tcp) {
        lesson.settled = learn_passage(&packet, bpf_ktime_get_ns());
    } else if (kind == PACKET_IP) {
        lesson = learn_segment(&packet, end, bpf_ktime_get_ns(), watch, host ? ifindex ^ packet.sender : 0);
        if (host && lesson.another) {
            learn_host(packet.direction.source, data, end, packet.l2_length, ifindex);
        }
    }
    if (watch && !(lesson.settled && lesson.noted)) {
        __sync_fetch_and_add(changes, 1);
    }
}

#endif
