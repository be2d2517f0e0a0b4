// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What of a frame says to which connection it may belong.
#ifndef HITLESS_DATAPATH_BPF_PACKET_H
#define HITLESS_DATAPATH_BPF_PACKET_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

struct vlan_tag {
    __be16 tci;
    __be16 ethertype;
};

enum packet_kind {
    PACKET_PLAIN,       // belongs to no connection: ARP, LLDP..., neighbour discovery
    PACKET_IP,          // 'direction' is set
    PACKET_HIDDEN,      // what it carries is not looked at
};

struct packet {
    struct steer_direction direction;
    const struct tcphdr *tcp;       // a whole header of TCP; or null
    __u32 payload;                  // of IP, in bytes
    __u32 l2_length;
    __u32 sender;                   // of its link-layer address the part that is not its maker's
};

static __always_inline void mapped_address(__u8 *to, __be32 address)
{
    __builtin_memset(to, 0, 10);
    to[10] = to[11] = 0xff;
    __builtin_memcpy(to + 12, &address, sizeof address);
}

enum { ICMP4_ECHO_REPLY = 0, ICMP4_ECHO = 8, ICMP6_ECHO = 128, ICMP6_ECHO_REPLY = 129 };   // RFC 792, RFC 4443

// ICMP of both versions has type and code in its first two bytes, and the identifier of an echo in the third word.
static __always_inline enum packet_kind parse_icmp(struct packet *packet, const void *l4, const void *end, bool v6)
{
    const __u16 *words = l4;
    if ((const void *) (words + 3) > end) {
        return PACKET_HIDDEN;
    }
    __u8 type = *(const __u8 *) l4;
    if (v6 && type >= 130 && type <= 143) {     // multicast listeners, neighbours: RFC 2710, 4861, 3810
        return PACKET_PLAIN;
    }
    bool echo = v6 ? type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY : type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY;
    packet->direction.source_port = words[0];
    packet->direction.destination_port = echo ? words[2] : 0;
    return PACKET_IP;
}

static __always_inline enum packet_kind parse_l4(struct packet *packet, const void *l4, const void *end)
{
    const __u16 *ports = l4;
    switch (packet->direction.protocol) {
    case IPPROTO_ICMP:
        return parse_icmp(packet, l4, end, false);
    case IPPROTO_ICMPV6:
        return parse_icmp(packet, l4, end, true);
    case IPPROTO_TCP: {
        const struct tcphdr *tcp = l4;
        if ((const void *) (tcp + 1) > end) {
            return PACKET_HIDDEN;
        }
        packet->tcp = tcp;
        packet->direction.ifindex = 0;
        break;
    }
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
        break;
    default:
        return PACKET_IP;
    }
    if ((const void *) (ports + 2) > end) {
        return PACKET_HIDDEN;
    }
    packet->direction.source_port = ports[0];
    packet->direction.destination_port = ports[1];
    return PACKET_IP;
}

// 'data': the first part of an Ethernet frame, with up to two VLAN tags, from the port 'ifindex'. Fragments, the first one too, are a
// direction of their own without ports, as is what has IPv6 extension headers.
static __always_inline enum packet_kind parse(struct packet *packet, const void *data, const void *end, __u32 ifindex)
{
    const struct ethhdr *eth = data;
    __builtin_memset(packet, 0, sizeof *packet);
    if ((const void *) (eth + 1) > end) {
        return PACKET_PLAIN;
    }
    __be16 ethertype = eth->h_proto;
    const void *next = eth + 1;
    packet->l2_length = sizeof *eth;
    packet->sender = *(const __u32 *) (eth->h_source + 2);
    for (int i = 0; i < 2; i++) {
        const struct vlan_tag *tag = next;
        if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD)) {
            break;
        }
        if ((const void *) (tag + 1) > end) {
            return PACKET_HIDDEN;
        }
        ethertype = tag->ethertype;
        next = tag + 1;
        packet->l2_length += sizeof *tag;
    }
    struct steer_direction *direction = &packet->direction;
    direction->ifindex = ifindex;
    if (ethertype == bpf_htons(ETH_P_IP)) {
        const struct iphdr *ip = next;
        if ((const void *) (ip + 1) > end) {
            return PACKET_HIDDEN;
        }
        if (ip->ihl < 5) {
            return PACKET_PLAIN;
        }
        __u32 header = ip->ihl * 4;
        packet->payload = bpf_ntohs(ip->tot_len) - header;
        direction->protocol = ip->protocol;
        mapped_address(direction->source, ip->saddr);
        mapped_address(direction->destination, ip->daddr);
        return ip->frag_off & bpf_htons(0x3fff) ? PACKET_IP : parse_l4(packet, next + header, end);
    }
    if (ethertype == bpf_htons(ETH_P_IPV6)) {
        const struct ipv6hdr *ip = next;
        if ((const void *) (ip + 1) > end) {
            return PACKET_HIDDEN;
        }
        packet->payload = bpf_ntohs(ip->payload_len);
        direction->protocol = ip->nexthdr;
        __builtin_memcpy(direction->source, &ip->saddr, 16);
        __builtin_memcpy(direction->destination, &ip->daddr, 16);
        return parse_l4(packet, ip + 1, end);
    }
    switch (ethertype) {
    case bpf_htons(ETH_P_8021Q):
    case bpf_htons(ETH_P_8021AD):
    case bpf_htons(ETH_P_MPLS_UC):
    case bpf_htons(ETH_P_MPLS_MC):
    case bpf_htons(ETH_P_NSH):
        return PACKET_HIDDEN;
    default:
        return PACKET_PLAIN;
    }
}

#endif
