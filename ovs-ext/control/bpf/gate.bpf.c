// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The controllers' gate: TCP connections that the switch of one network namespace starts are led to a dummy controller.
// Attached to the root of the cgroup v2 hierarchy, so that no process needs to be moved. See ../gate.h.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SOCK_STREAM 1

// Set before the programs are attached.
const volatile __u64 netns_cookie;
const volatile __u16 port4, port6;   // the dummy's, host byte order; 0: refuse

// How many connections were led away; for the tests and for hitless/status.
__u64 diverted;

// By name and not by pid: the gate must be closed before the process that it is for exists. Debian's DPDK build is called
// ovs-vswitchd-dpdk, so a prefix has to do.
static __always_inline bool is_switch(void) {
    const char name[] = "ovs-vswitchd";
    char comm[16];
    if (bpf_get_current_comm(comm, sizeof(comm))) {
        return false;
    }
#pragma unroll
    for (int i = 0; i < (int)sizeof(name) - 1; i++) {
        if (comm[i] != name[i]) {
            return false;
        }
    }
    return true;
}

static __always_inline bool gated(struct bpf_sock_addr *ctx) {
    return ctx->type == SOCK_STREAM && bpf_get_netns_cookie(ctx) == netns_cookie && is_switch();
}

SEC("cgroup/connect4")
int gate_connect4(struct bpf_sock_addr *ctx) {
    if (!gated(ctx)) {
        return 1;
    }
    __sync_fetch_and_add(&diverted, 1);
    if (!port4) {
        return 0;
    }
    ctx->user_ip4 = bpf_htonl(0x7f000001);
    ctx->user_port = bpf_htons(port4);
    return 1;
}

SEC("cgroup/connect6")
int gate_connect6(struct bpf_sock_addr *ctx) {
    if (!gated(ctx)) {
        return 1;
    }
    __sync_fetch_and_add(&diverted, 1);
    if (!port6) {
        return 0;
    }
    ctx->user_ip6[0] = 0;
    ctx->user_ip6[1] = 0;
    ctx->user_ip6[2] = 0;
    ctx->user_ip6[3] = bpf_htonl(1);
    ctx->user_port = bpf_htons(port6);
    return 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
