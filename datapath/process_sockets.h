// The packet sockets and taps through which a running vswitchd gets its packets, and those by which the kernel tells it of network
// devices, reached by pidfd_getfd(2): works on an unmodified process. Needs CAP_SYS_PTRACE.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace hitless::datapath {

class ProcessSockets {
  public:
    // Takes duplicates of the AF_PACKET sockets, port taps and netlink sockets that process 'pid' has open now. Open it anew when ports were
    // added. Trap: a duplicate of a tap keeps the tap busy (EBUSY) for a successor of the process: close before that.
    static Result<ProcessSockets> open(pid_t pid);

    // Enlarges the receive buffers of the packet sockets to at least 'bytes'. Stock vswitchd has 212,992 bytes, which hold 93
    // frames of 1400 bytes: a stall of its main thread by a state dump would lose packets.
    Status enlarge_receive_buffers(int bytes);

    // The largest receive buffer of the packet sockets, in the kernel's count; 0 when there are none.
    int receive_buffer_bytes() const;
    // Puts buffers that are larger than 'bytes' back to that: each when what waits in it takes no more than half of that, or after 200 ms.
    Status reduce_receive_buffers(int bytes);

    // Keeps from the process what the kernel says of the devices that a Steering with 'prefix' makes. For each such notice vswitchd
    // looks at all of its ports, and forwards nothing meanwhile: tens of ms with many ports [measured]. Stays when this object,
    // or this process, ends.
    Status hide_devices(const std::string& prefix);
    // It is told of all devices again.
    Status show_devices();

    // Whether the kernel itself keeps from the packet sockets what is sent out of their devices. vswitchd has a filter for that, to
    // which the kernel gives a clone of each such packet. Stays when this object, or this process, ends.
    Status ignore_outgoing(bool on);

    // Waits until every packet that had been accepted when this was called is also processed, while more may come: each queue is seen empty
    // once, then one turn of the process's main loop (round_trip: a request on its control socket). In a halt, in which none come, it is
    // drained then. Only for ports polled by the main thread (no PMD). Error when that takes longer than 'limit', or when 'go_on' has one.
    Status accept_all(const std::function<Status()>& round_trip, std::chrono::milliseconds limit,
                      const std::function<Status()>& go_on = [] { return Status(); }) const;

    // Takes the packets that wait in the packet sockets away from the process, which has been stopped while another forwarded them
    // (Steering::taken_by_both()).
    void discard() const;

    // No packet is waiting, in a packet socket or a tap.
    bool empty() const;

    // The packet sockets of 'device' have at least half of their receive buffer free. True when there are none.
    bool has_room(const std::string& device) const;

    // Of packets that wait in the packet sockets, in the kernel's count.
    uint64_t waiting_bytes() const;

    // Packets dropped by the kernel because a receive buffer was full, since the socket was opened.
    uint64_t dropped() const;

    size_t packet_sockets() const { return packet_.size(); }
    size_t taps() const { return tap_.size(); }

  private:
    struct PacketSocket {
        Fd fd;
        std::string device;     // to which it is bound
    };
    std::vector<PacketSocket> packet_;
    std::vector<Fd> tap_;
    std::vector<Fd> notices_;
};

// Room for what comes while a process is asked much: the receive buffers of its packet sockets are enlarged. When this object ends they
// are what they were, unless keep() was called.
class RoomForStalls {
  public:
    static Result<RoomForStalls> open(pid_t pid);   // changes nothing yet
    RoomForStalls(RoomForStalls&& other) noexcept = default;
    ~RoomForStalls();

    Status make(int bytes) { return sockets_->enlarge_receive_buffers(bytes); }
    void keep() { sockets_.reset(); }

    // Of the largest buffer.
    int bytes_before() const { return bytes_before_; }

  private:
    explicit RoomForStalls(ProcessSockets sockets);

    std::unique_ptr<ProcessSockets> sockets_;   // null: moved from, or the buffers are kept
    int bytes_before_;
};

struct SocketAddress {
    std::string ip;         // IPv4 or IPv6, numeric
    uint16_t port = 0;
};

// Shuts down, both ways, process 'pid's established TCP sessions with 'controllers', and the sessions that it accepted on
// Unix stream sockets whose path ends in .mgmt or .snoop: a process that is frozen next would keep their peers waiting. Sessions
// of the calling process itself go on.
// Returns how many. The process itself sees them closed when it runs again.
Result<size_t> shutdown_sessions(pid_t pid, std::span<const SocketAddress> controllers);

}  // namespace hitless::datapath
