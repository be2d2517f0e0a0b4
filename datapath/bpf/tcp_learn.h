// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Learns the sequence numbers, windows and window scales of the TCP segments that pass: a connection that is made in the
// other instance with exactly these passes its sequence check (lib/conntrack-tcp.c of OVS, tcp_conn_update()).
#ifndef HITLESS_DATAPATH_BPF_TCP_LEARN_H
#define HITLESS_DATAPATH_BPF_TCP_LEARN_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEER_LEARNED);
    __type(key, struct steer_tcp_key);
    __type(value, struct steer_tcp_state);
} learned SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEER_HOSTS);
    __type(key, struct steer_host_key);
    __type(value, struct steer_host);
} hosts SEC(".maps");

struct vlan_tag {
    __be16 tci;
    __be16 ethertype;
};

static __always_inline void mapped_address(__u8 *to, __be32 address)
{
    __builtin_memset(to, 0, 10);
    to[10] = to[11] = 0xff;
    __builtin_memcpy(to + 12, &address, sizeof address);
}

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

// Whether the segment's sender, of which 'sender' is a digest, may be another one than that of the segment before.
static __always_inline int tcp_learn_segment(struct steer_tcp_key *key, const struct tcphdr *tcp, const void *end,
                                              __u32 ip_payload, __u32 sender)
{
    __u32 header = tcp->doff * 4;
    if (header < sizeof *tcp || ip_payload < header) {
        return 0;
    }
    key->source_port = tcp->source;
    key->destination_port = tcp->dest;
    __u32 next = bpf_ntohl(tcp->seq) + (ip_payload - header) + tcp->syn + tcp->fin;
    __u8 flags = ((const __u8 *) tcp)[13];
    __u8 scale = tcp->syn ? window_scale(tcp, end) : STEER_TCP_NO_SCALE;

    struct steer_tcp_state *known = bpf_map_lookup_elem(&learned, key);
    // A SYN without ACK begins a new connection on the same ports.
    if (known && !(tcp->syn && !tcp->ack)) {
        if ((__s32) (next - known->next_seq) > 0) {
            known->next_seq = next;
        }
        if (tcp->ack && (!(known->flags & 0x10) || (__s32) (bpf_ntohl(tcp->ack_seq) - known->ack) > 0)) {
            known->ack = bpf_ntohl(tcp->ack_seq);
        }
        if (tcp->syn) {
            known->window_scale = scale;
        }
        known->window = bpf_ntohs(tcp->window);
        known->flags |= flags;
        known->seen_ns = bpf_ktime_get_ns();
        int another = known->sender != sender;
        known->sender = sender;
        return another;
    }
    struct steer_tcp_state fresh = {
        .next_seq = next,
        .ack = tcp->ack ? bpf_ntohl(tcp->ack_seq) : 0,
        .window = bpf_ntohs(tcp->window),
        .window_scale = scale,
        .flags = flags,
        .sender = sender,
        .seen_ns = bpf_ktime_get_ns(),
    };
    bpf_map_update_elem(&learned, key, &fresh, BPF_ANY);
    return 1;
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

// 'data': an Ethernet frame, with up to two VLAN tags. Fragments and IPv6 extension headers are left out. 'ifindex': the port at
// whose hosts the sender is; 0: a host behind a tap.
static __always_inline void tcp_learn(void *data, void *end, __u32 ifindex)
{
    struct ethhdr *eth = data;
    if ((void *) (eth + 1) > end) {
        return;
    }
    __be16 ethertype = eth->h_proto;
    void *next = eth + 1;
    __u32 l2_length = sizeof *eth;
    for (int i = 0; i < 2; i++) {
        struct vlan_tag *tag = next;
        if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD)) {
            break;
        }
        if ((void *) (tag + 1) > end) {
            return;
        }
        ethertype = tag->ethertype;
        next = tag + 1;
        l2_length += sizeof *tag;
    }
    struct steer_tcp_key key = {};
    struct tcphdr *tcp;
    __u32 payload;
    if (ethertype == bpf_htons(ETH_P_IP)) {
        struct iphdr *ip = next;
        if ((void *) (ip + 1) > end || ip->protocol != IPPROTO_TCP || ip->ihl < 5
            || (ip->frag_off & bpf_htons(0x3fff))) {
            return;
        }
        __u32 header = ip->ihl * 4;
        payload = bpf_ntohs(ip->tot_len) - header;
        mapped_address(key.source, ip->saddr);
        mapped_address(key.destination, ip->daddr);
        tcp = next + header;
    } else if (ethertype == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr *ip = next;
        if ((void *) (ip + 1) > end || ip->nexthdr != IPPROTO_TCP) {
            return;
        }
        payload = bpf_ntohs(ip->payload_len);
        __builtin_memcpy(key.source, &ip->saddr, 16);
        __builtin_memcpy(key.destination, &ip->daddr, 16);
        tcp = (void *) (ip + 1);
    } else {
        return;
    }
    if ((void *) (tcp + 1) > end || payload > 0xffff) {
        return;
    }
    // Of the address the part that is not its maker's.
    __u32 sender = ifindex ^ *(__u32 *) (eth->h_source + 2);
    if (tcp_learn_segment(&key, tcp, end, payload, ifindex ? sender : 0) && ifindex) {
        learn_host(key.source, data, end, l2_length, ifindex);
    }
}

static __always_inline void tcp_learn_skb(struct __sk_buff *skb)
{
    // Enough for the headers; the linear part may be shorter. Two VLAN tags, IPv6 and TCP with all options: 122 bytes.
    bpf_skb_pull_data(skb, skb->len < 128 ? skb->len : 128);
    tcp_learn((void *) (long) skb->data, (void *) (long) skb->data_end, 0);
}

#endif
