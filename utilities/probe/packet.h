// The payload of the probe's UDP packets.
#pragma once

#include <cstdint>

namespace hitless::probe {

enum class PacketKind : uint8_t {
    warm_up = 1,    // opens the path (ARP, MAC tables, connection tracking); not counted
    measured = 2,
};

// First bytes of every payload; the rest is zero. Host byte order: both ends are one process. It identifies the stream, since
// address translation may change every header field.
struct Payload {
    uint64_t run;           // random for each run: packets of another run are ignored
    uint64_t sequence;
    int64_t sent_ns;        // CLOCK_REALTIME, the clock of the kernel's receive time stamps
    uint32_t stream;        // index
    PacketKind kind;
    uint8_t reserved[3];
};
static_assert(sizeof(Payload) == 32);

constexpr unsigned kMinimumSize = sizeof(Payload);
constexpr unsigned kMaximumSize = 8972;   // payload of a 9000-byte IPv4 packet

}  // namespace hitless::probe
