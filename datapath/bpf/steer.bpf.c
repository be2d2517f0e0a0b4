// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The programs that steer packets between the ports, the two instances and the hold. datapath/steering.h draws their places,
// steer.h has the layout of their maps, datapath/attachment.h puts them on devices.
//
//   program       hook                     decides
//   port_xdp      XDP of a port            input: to A (pass), to B (its leg), to the hold
//   port_in       tc ingress of a port     what XDP does not get to see
//   port_out      tc egress of a port      A's output gate; B's output, which is marked, passes
//   leg_in        tc ingress of a leg      B's output gate; delivers to the port
//   tap_out       tc egress of a tap port  input from the host's stack: like port_xdp
//   tap_in        tc ingress of a tap port A's output gate; B's output, which is marked, passes
//   hold_in       tc ingress of a hold tap the daemon gives a held packet on: to the active side
//   hold_out      tc egress of a hold tap  keeps the host's own noise out of the hold
//   stitch        in B's namespace         joins the leg of a tap port with B's tap
//   b_in          in B's namespace         at the tc ingress of a port's leg: hides input from B's own network stack
//   b_out         in B's namespace         at the tc egress of B's taps: keeps in what B's own network stack sends

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

#include "learn.h"

// Random for each Steering, set before the programs are loaded.
const volatile __u64 reentry_secret = 0;
const volatile __u32 mark = 0;
const volatile __u32 layout = STEER_LAYOUT;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct steer_control);
    __uint(map_flags, BPF_F_MMAPABLE);
} control SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 3 * STEER_MAX_PORTS);
    __type(key, __u32);
    __type(value, struct steer_port);
} ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, STEER_MAX_PORTS);
    __type(key, __u32);
    __type(value, struct steer_counters);
    __uint(map_flags, BPF_F_MMAPABLE);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, STEER_MAX_PORTS);
    __type(key, __u32);
    __type(value, struct steer_stamps);
    __uint(map_flags, BPF_F_MMAPABLE);
} stamps SEC(".maps");

// In B's namespace: ifindex -> ifindex of the other end.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 2 * STEER_MAX_PORTS);
    __type(key, __u32);
    __type(value, __u32);
} stitches SEC(".maps");

#define COUNT(counter) __sync_fetch_and_add(&(counter), 1)

enum destination { TO_A, TO_B, TO_HOLD, REFUSED };

static __always_inline struct steer_control *control_entry(void)
{
    __u32 zero = 0;
    return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline __u64 control_word(void)
{
    struct steer_control *c = control_entry();
    return c ? *(volatile __u64 *) &c->word : 0;
}

static __always_inline struct steer_counters *counters_of(const struct steer_port *port)
{
    return bpf_map_lookup_elem(&counters, &port->index);
}

static __always_inline enum destination active_side(__u64 word)
{
    return word & STEER_SIDE_B ? TO_B : TO_A;
}

static __always_inline __u64 deadline_of(struct steer_control *entry)
{
    return *(volatile __u64 *) &entry->deadline_ns;
}

// 'length': of the packet in bytes. 'passes': it does in a partial hold.
static __always_inline enum destination decide(__u64 word, const struct steer_port *port, struct steer_counters *c, __u64 length,
                                               bool passes)
{
    __u64 mode = word & STEER_MODE_MASK;
    if (mode == STEER_DIRECT || (mode == STEER_PARTIAL && passes)) {
        return active_side(word);
    }
    __u64 now = bpf_ktime_get_ns();
    struct steer_control *entry = control_entry();
    if (!entry || now > deadline_of(entry)) {
        return active_side(word);
    }
    if (mode == STEER_RELEASE) {
        __u64 released = *(volatile __u64 *) &c->released;
        if (released == *(volatile __u64 *) &c->held) {
            return active_side(word);
        }
    }
    // Before 'held' is counted, so that a refused packet is nothing that a release has to wait for.
    __u64 cost = length + STEER_PACKET_COST;
    if (__sync_fetch_and_add(&entry->hold_used, cost) + cost > entry->hold_limit) {
        __sync_fetch_and_add(&entry->hold_used, -cost);
        COUNT(c->refused);
        return REFUSED;
    }
    __u64 number = COUNT(c->held);
    struct steer_stamps *s = bpf_map_lookup_elem(&stamps, &port->index);
    if (s) {
        s->ns[number % STEER_STAMPS] = now;
    }
    return TO_HOLD;
}

// Whether the packet passes a partial hold; true where there is none.
static __always_inline bool passes_partial(__u64 word, const struct steer_port *port, const void *data, const void *end)
{
    struct steer_control *entry = control_entry();
    return (word & STEER_MODE_MASK) != STEER_PARTIAL || !entry || may_pass(data, end, port->port_ifindex, deadline_of(entry));
}

static __always_inline void learn_if_asked(__u64 word, const struct steer_port *port, const void *data, const void *end, bool host)
{
    struct steer_control *entry = control_entry();
    if (entry && (word & STEER_LEARN)) {
        learn(data, end, port->port_ifindex, host, word & STEER_WATCH, &entry->changes);
    }
}

// Enough for the headers; the linear part may be shorter. Two VLAN tags, IPv6 and TCP with all options: 122 bytes.
static __always_inline void pull_headers(struct __sk_buff *skb)
{
    bpf_skb_pull_data(skb, skb->len < 128 ? skb->len : 128);
}

// 'length': of the packet, of which data may be the first part only.
static __always_inline int port_input(struct xdp_md *ctx, __u64 length)
{
    __u32 ifindex = ctx->ingress_ifindex;
    struct steer_port *port = bpf_map_lookup_elem(&ports, &ifindex);
    struct steer_counters *c = port ? counters_of(port) : 0;
    if (!c) {
        return XDP_PASS;
    }
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct steer_reentry_header *reentry = data;
    if ((void *) (reentry + 1) <= end && reentry->secret == reentry_secret) {
        COUNT(c->to_a);
        return bpf_xdp_adjust_head(ctx, sizeof *reentry) ? XDP_DROP : XDP_PASS;
    }
    __u64 word = control_word();
    enum destination destination = decide(word, port, c, length, passes_partial(word, port, data, end));
    if (destination == TO_HOLD) {
        return bpf_redirect(port->hold_ifindex, 0);
    }
    if (destination == REFUSED) {
        return XDP_DROP;
    }
    learn_if_asked(word, port, data, end, true);
    if (destination == TO_A) {
        COUNT(c->to_a);
        return XDP_PASS;
    }
    COUNT(c->to_b);
    return bpf_redirect(port->leg_ifindex, 0);
}

// Generic XDP has to copy almost every packet that a host sends. For a program that takes packets in parts, Linux 6.9 makes the copy
// in pages of a pool: 3 % more bytes of TCP are carried then [measured].
SEC("xdp.frags")
int port_xdp(struct xdp_md *ctx)
{
    return port_input(ctx, bpf_xdp_get_buff_len(ctx));
}

// In its place before Linux 5.18, which has no such programs.
SEC("xdp")
int port_xdp_whole(struct xdp_md *ctx)
{
    return port_input(ctx, ctx->data_end - ctx->data);
}

// Generic XDP passes over what a tc program has redirected (skb->redirected), and so over what B sends out at one end of a veth
// whose other end is a port, too. A's packet socket gets such a packet all the same; A's gate is shut, and opens only when A is through
// with it.
SEC("tc")
int port_in(struct __sk_buff *skb)
{
    __u64 word = control_word();
    __u32 ifindex = skb->ifindex;
    struct steer_port *port = bpf_map_lookup_elem(&ports, &ifindex);
    struct steer_counters *c = port ? counters_of(port) : 0;
    if (!c || active_side(word) == TO_A) {
        return TC_ACT_UNSPEC;
    }
    struct steer_control *entry = control_entry();
    if (entry) {
        COUNT(entry->to_both);
    }
    // In a hold it comes from B, which is being drained: it belongs to what is drained.
    enum destination destination = (word & STEER_MODE_MASK) == STEER_RELEASE ? decide(word, port, c, skb->len, true) : TO_B;
    if (destination == TO_HOLD) {
        skb->mark = mark;
        return bpf_redirect(port->hold_ifindex, 0);
    }
    if (destination == REFUSED) {
        return TC_ACT_SHOT;
    }
    COUNT(c->to_b);
    return bpf_redirect(port->leg_ifindex, 0);
}

static __always_inline int gate_a(struct __sk_buff *skb)
{
    if (skb->mark == mark) {
        skb->mark = 0;
        return TC_ACT_UNSPEC;
    }
    __u32 ifindex = skb->ifindex;
    struct steer_port *port = bpf_map_lookup_elem(&ports, &ifindex);
    struct steer_counters *c = port ? counters_of(port) : 0;
    if (!c) {
        return TC_ACT_UNSPEC;
    }
    if (active_side(control_word()) == TO_A) {
        COUNT(c->from_a);
        return TC_ACT_UNSPEC;
    }
    COUNT(c->gated_a);
    return TC_ACT_SHOT;
}

SEC("tc")
int port_out(struct __sk_buff *skb)
{
    return gate_a(skb);
}

SEC("tc")
int tap_in(struct __sk_buff *skb)
{
    return gate_a(skb);
}

SEC("tc")
int leg_in(struct __sk_buff *skb)
{
    __u32 ifindex = skb->ifindex;
    struct steer_port *port = bpf_map_lookup_elem(&ports, &ifindex);
    struct steer_counters *c = port ? counters_of(port) : 0;
    if (!c) {
        return TC_ACT_SHOT;
    }
    if (active_side(control_word()) != TO_B) {
        COUNT(c->gated_b);
        return TC_ACT_SHOT;
    }
    COUNT(c->from_b);
    skb->mark = mark;
    return bpf_redirect(port->port_ifindex, port->tap ? BPF_F_INGRESS : 0);
}

SEC("tc")
int tap_out(struct __sk_buff *skb)
{
    // From the hold, back on its way to A.
    if (skb->mark == mark) {
        skb->mark = 0;
        return TC_ACT_UNSPEC;
    }
    __u32 ifindex = skb->ifindex;
    struct steer_port *port = bpf_map_lookup_elem(&ports, &ifindex);
    struct steer_counters *c = port ? counters_of(port) : 0;
    if (!c) {
        return TC_ACT_UNSPEC;
    }
    __u64 word = control_word();
    if (word & STEER_LEARN) {
        pull_headers(skb);
    }
    void *data = (void *) (long) skb->data, *end = (void *) (long) skb->data_end;
    enum destination destination = decide(word, port, c, skb->len, passes_partial(word, port, data, end));
    if (destination == TO_HOLD) {
        skb->mark = mark;
        return bpf_redirect(port->hold_ifindex, 0);
    }
    if (destination == REFUSED) {
        return TC_ACT_SHOT;
    }
    learn_if_asked(word, port, data, end, false);
    if (destination == TO_A) {
        COUNT(c->to_a);
        return TC_ACT_UNSPEC;
    }
    COUNT(c->to_b);
    return bpf_redirect(port->leg_ifindex, 0);
}

SEC("tc")
int hold_in(struct __sk_buff *skb)
{
    __u32 ifindex = skb->ifindex;
    struct steer_port *port = bpf_map_lookup_elem(&ports, &ifindex);
    struct steer_counters *c = port ? counters_of(port) : 0;
    if (!c) {
        return TC_ACT_SHOT;
    }
    __u64 word = control_word();
    if (word & STEER_LEARN) {
        pull_headers(skb);
    }
    learn_if_asked(word, port, (void *) (long) skb->data, (void *) (long) skb->data_end, false);
    if (active_side(word) == TO_B) {
        COUNT(c->to_b);
        return bpf_redirect(port->leg_ifindex, 0);
    }
    if (port->tap) {
        COUNT(c->to_a);
        skb->mark = mark;
        return bpf_redirect(port->port_ifindex, 0);
    }
    struct steer_reentry_header header = {
        .secret = reentry_secret,
        .ethertype = bpf_htons(0x88b5),     // IEEE 802: local experimental
    };
    if (bpf_skb_change_head(skb, sizeof header, 0) || bpf_skb_store_bytes(skb, 0, &header, sizeof header, 0)) {
        return TC_ACT_SHOT;
    }
    return bpf_redirect(port->port_ifindex, BPF_F_INGRESS);
}

SEC("tc")
int hold_out(struct __sk_buff *skb)
{
    // What generic XDP redirects does not come by here.
    if (skb->mark == mark) {
        skb->mark = 0;
        return TC_ACT_OK;
    }
    return TC_ACT_SHOT;
}

SEC("tc")
int stitch(struct __sk_buff *skb)
{
    __u32 ifindex = skb->ifindex;
    __u32 *other = bpf_map_lookup_elem(&stitches, &ifindex);
    skb->mark = mark;
    return other ? bpf_redirect(*other, 0) : TC_ACT_SHOT;
}

// The taps in B's namespace have the addresses of the host's (routing_copy.h). Its network stack would answer for them, beside the
// host's, and take part in what B forwards. B's ovs-vswitchd has seen the packet by now: packet sockets come before tc.
SEC("tc")
int b_in(struct __sk_buff *skb __attribute__((unused)))
{
    return TC_ACT_SHOT;
}

SEC("tc")
int b_out(struct __sk_buff *skb)
{
    return skb->mark == mark ? TC_ACT_UNSPEC : TC_ACT_SHOT;    // marked: stitched
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
