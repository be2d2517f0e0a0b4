// Steering: which instance the packets of every port go to. All contact of an upgrade with the kernel's packet path is here.
//
//                   +--------- A's namespace ----------+      +-- B's namespace --+
//      wire ---> [P: XDP] --A--> A's packet socket     |      |                   |
//                   |   --B--> [leg, root end] --------+------+--> leg named P --> B
//                   |   --hold--> hold tap --> daemon --> A or B, in order
//      wire <--- [P: tc egress gate] <-- A             |      |
//                   +---------- [leg: tc ingress gate] <------+----------------- B
//
// A port of a tap (LOCAL, internal ports, OVSDB type "tap") is stolen at the tap's tc egress and delivered at its tc ingress.
//
// One control word in kernel memory, read by every program, says where input goes and whose output passes: a toggle is one
// atomic store for all ports of all bridges. Programs and maps are pinned: forwarding goes on when this process dies.
//
// The way of a hand-over from A to B:  attach(ports) ... halt(A) ... drain A ... release(B) ... [later the way back] ...
// detach_all(). Nothing is attached before attach() or after detach_all().
//
// Upgrade code uses this interface; tests fake it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/side.h"

namespace hitless::datapath {

struct Port {
    std::string name;   // network device in A's namespace, and interface name in OVSDB
    bool tap = false;   // a tap that vswitchd made itself: LOCAL, type=internal, type=tap
};

// Packets counted for one port since attach().
struct PortCounters {
    uint64_t to_a = 0, to_b = 0;            // input given to A, to B
    uint64_t held = 0, released = 0;        // input held, and given on after it
    uint64_t hold_dropped = 0;              // of the held: lost because the port's hold was full
    uint64_t hold_refused = 0;              // lost because the holds of all ports had no more memory; not in 'held'
    uint64_t from_a = 0, from_b = 0;        // output that passed the gate
    uint64_t gated_a = 0, gated_b = 0;      // output of an instance that is not active, dropped at its gate
};

struct BondMember {
    Port port;
    PortCounters counters;
    bool a_attached = false, b_attached = false;   // B: its leg is there and up
};

struct Bond {
    Side active = Side::A;
    bool halted = false;
    std::vector<BondMember> members;
};

struct ReleaseReport {
    uint64_t held = 0;                          // packets held in this hand-over
    uint64_t dropped = 0;                       // of those, lost because the port's hold was full
    uint64_t refused = 0;                       // besides those, lost because all holds together had no more memory
    uint64_t late = 0;                          // given on after newer ones: see SteeringOptions::order_limit; or this process was stopped
    std::chrono::microseconds longest_wait{};   // the longest that a held packet waited, from the halt to its release
};

// One direction of a TCP connection, as its segments come in at a port.
struct TcpDirection {
    std::array<uint8_t, 16> source{}, destination{};    // network byte order; IPv4 as ::ffff:a.b.c.d
    uint16_t source_port = 0, destination_port = 0;     // host byte order
};

// What was learned of it. Host byte order.
struct LearnedTcp {
    uint32_t next_seq = 0;                              // the next sequence number of this direction
    uint32_t ack = 0;
    uint16_t window = 0;                                // as in the last segment, not scaled
    int window_scale = -1;                              // -1: its SYN was not seen
    uint8_t flags = 0;                                  // TCP flags of all segments, ored
    std::chrono::nanoseconds seen{};                    // steady clock, of the last segment
};

struct MovedTcp {
    TcpDirection direction;
    LearnedTcp learned;
};

// What has passed since Steering::watch().
struct Watched {
    uint64_t changes = 0;           // packets that may have made a connection or changed one, but for its numbers and its time
    std::vector<MovedTcp> moved;    // TCP directions of which segments have passed, after the last one
};

// A direction (same addresses, protocol and ports) is settled, and its next packet taken for one that changes no connection, if one has
// passed within this time and none was the first, or a SYN, FIN or RST of TCP, within the other. Does not hold for what is in tunnels.
constexpr auto kOfLate = std::chrono::seconds(10);
constexpr auto kJustNow = std::chrono::milliseconds(500);

// For the port of this name.
using HasRoom = std::function<bool(const std::string& port)>;

// Destruction does not detach: the programs stay, and forward. It ends the hold, though: the deadline takes effect.
class Steering {
  public:
    virtual ~Steering() = default;

    // Puts the programs on 'ports' and makes their legs; all input still goes to A. The legs' far ends appear in B's
    // namespace under the ports' names. On failure nothing of it stays.
    virtual Status attach(std::span<const Port> ports) = 0;

    // Joins the taps that B's vswitchd has made by now with their legs. To be called when B has opened its ports, and again
    // when it has opened others; those that are joined already are not touched. Error when a tap is missing; the others are joined.
    virtual Status stitch() = 0;

    // Adds or takes away one port while attached.
    virtual Status add_port(const Port& port) = 0;
    virtual Status remove_port(const std::string& name) = 0;

    // New packets are held from now on; the output gate of the active side stays open, so that it can drain. Returns when
    // no CPU is still delivering an earlier packet to it. Should nobody call release() within 'deadline', the programs
    // themselves give input back to the side that was active. Quick (under 1 ms) where RCU is expedited: host_settings.h.
    virtual Status halt(std::chrono::milliseconds deadline) = 0;

    // May come before halt(): packets that may change connections are held from now on, and what comes after them in their direction; all
    // others go on to the active side. The deadline is that of the halt, too.
    virtual Status halt_changes(std::chrono::milliseconds deadline) = 0;

    // In a halt, when the active side is drained: waits until what it has sent has gone out. False: of that something has come back to it (B
    // has sent it at one end of a veth whose other end is a port, too), and it is to be drained once more. A release right after that does
    // not wait for the same itself. True after the halt's deadline, too, of which the release tells.
    virtual Result<bool> settle() = 0;

    // Packets that B has sent to itself in this way. A's sockets have got each of them, too: until A is through with them its gate must not
    // open, or it sends them once more.
    virtual uint64_t taken_by_both() const = 0;

    // Of what is free for held packets, how much is used, from 0 to 1: of the memory of all ports, or of the fullest port's queue,
    // whichever is nearer to its end. Beyond 1 packets are lost, and counted.
    virtual double hold_fill() const = 0;

    // 'has_room' is asked in each release to 'side', from its thread: whether that side can take more packets of a port now. That
    // port's packets wait while not, but not longer than 1 s for an instance that takes nothing.
    virtual void set_receiver(Side side, HasRoom has_room) = 0;

    // Makes 'to' the active side (equal to the old one: the halt is called off): its output gate opens, the other closes,
    // held packets are given to it in each port's order, then new ones go to it directly. Returns when no port holds packets
    // any more. Only after halt(). When the halt's deadline has passed it is an Error: the side that was active has input
    // again, and gets the held packets too, late.
    virtual Result<ReleaseReport> release(Side to) = 0;

    virtual Bond bond() const = 0;

    // Learning at the ports' ingress of the directions that pass and of TCP sequence numbers, both directions of each connection between
    // two ports. Off at first; costs a map look-up for each packet. What was learned is kept until detach_all().
    virtual Status learn_tcp(bool on) = 0;
    // None: no segment was seen.
    virtual std::optional<LearnedTcp> learned(const TcpDirection& direction) const = 0;

    // Begins to note, while it learns, what watched() tells; from the beginning where it does already. Ends with the release. When it
    // returns, what is not noted has been accepted by the active side.
    virtual Status watch() = 0;
    virtual Result<Watched> watched() = 0;
    // Of this, 'changes' alone.
    virtual uint64_t changes() const = 0;

    // Sends 'packet', which begins with its IP header, out of the port at which a host's TCP segments came in while learning was on,
    // in a frame to it; the active instance sees nothing of it. 'host' as in TcpDirection. False: no segment of it has come in, or by
    // a tap.
    virtual Result<bool> send_to_host(const std::array<uint8_t, 16>& host, std::span<const uint8_t> packet) = 0;

    // Takes everything away, and puts back what was changed on the host. Only with A active and no halt. Safe to call twice.
    virtual Status detach_all() = 0;
};

// How tc programs are put on devices: as TCX links (Linux 6.6), or as filters of a clsact queueing discipline, with which
// OVS's own ingress policing cannot be configured on the port meanwhile.
enum class TcMethod { automatic, tcx, clsact };

// Names and limits of one Steering.
struct SteeringOptions {
    std::string prefix = "hl";              // of the devices it makes; at most 4 characters
    std::string bpf_directory;              // of a bpffs: where programs and maps are pinned
    std::string b_namespace;                // path of B's network namespace, e.g. /run/netns/NAME
    // Its queue takes 8 bytes a packet, whether held or not: of more than 32 ports each has its part of what 32 would have.
    uint32_t hold_packets_per_port = 262'144;
    uint64_t hold_bytes = uint64_t{1} << 30;            // memory for the held packets of all ports
    uint32_t release_packets_per_second = 250'000;      // of all ports together; what the receiving side can take
    // A side that takes packets no faster than new ones come would never have taken the held ones. After so long in a release new
    // ones do not wait behind them any more.
    std::chrono::milliseconds order_limit{5000};
    TcMethod tc_method = TcMethod::automatic;
};

// The real one. Works in the calling process's network namespace (A's). Needs CAP_SYS_ADMIN, CAP_BPF, CAP_NET_ADMIN. Used by
// one thread at a time.
Result<std::unique_ptr<Steering>> make_steering(SteeringOptions options);

// Takes over what a real one of the same options has left when its process died: ports, counters, what was learned, and the active
// side. Packets that were in a hold are lost; a halt is over. Ports whose device or leg has gone are left out, and what is left of
// them is removed. On an Error all stays as it is, and forwards.
Result<std::unique_ptr<Steering>> adopt_steering(SteeringOptions options);

// The side that has the packets by the programs that a process which is gone has pinned in 'bpf_directory' (in a hold: the one
// that gets them again when it ends). A when there are none.
Result<Side> pinned_active(const std::string& bpf_directory);

// The same by the programs that are on the devices of the calling thread's namespace, wherever they are pinned: what nobody but root can
// falsify.
Result<Side> attached_active();

// Takes away what a Steering of these options left behind when its process died: pins, programs, devices. Input and output are
// A's from then on.
Status remove_steering_leftovers(const SteeringOptions& options);

}  // namespace hitless::datapath
