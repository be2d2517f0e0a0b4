#include "datapath/hold.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstring>
#include <thread>

namespace hitless::datapath {

namespace {

// linux/if_tun.h of Linux 6.2
constexpr unsigned tun_f_uso4 = 0x20, tun_f_uso6 = 0x40;

// struct virtio_net_hdr of linux/virtio_net.h, which C++ cannot read.
constexpr size_t virtio_header = 10;

// The largest that a tap takes: a segment of 64 kB that the sender left to be cut later is held as one packet.
constexpr uint32_t largest_mtu = 65535 - 14;
constexpr size_t largest_packet = virtio_header + 65535 + 14 + 8;

// The kernel clears some MB for a long queue, and has the lock of all its network settings (RTNL) meanwhile. The switch that forwards
// asks for the same lock several times whenever a device changes: it must not find it taken each time.
Status make_room(const std::string& name, uint32_t packets, Links& links) {
    auto began = std::chrono::steady_clock::now();
    TRY(links.change(name, {.up = {}, .mtu = largest_mtu, .tx_queue_length = packets}));
    std::this_thread::sleep_for(std::chrono::steady_clock::now() - began);
    return {};
}

}  // namespace

Result<Hold> Hold::make(const std::string& name, uint32_t packets, Links& links) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) {
        return make_errno_error(errno, "/dev/net/tun");
    }
    ifreq request = {};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
    if (::ioctl(fd.get(), TUNSETIFF, &request)) {
        return make_errno_error(errno, "hold {}: cannot make the tap", name);
    }
    unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (::ioctl(fd.get(), TUNSETOFFLOAD, offloads | tun_f_uso4 | tun_f_uso6) &&
        ::ioctl(fd.get(), TUNSETOFFLOAD, offloads)) {
        return make_errno_error(errno, "hold {}: offloads", name);
    }
    int unlimited = INT_MAX;
    ::ioctl(fd.get(), TUNSETSNDBUF, &unlimited);

    Hold hold(name, std::move(fd));
    hold.ifindex_ = TRY(links.get(name)).ifindex;
    TRY(disable_ipv6(name));
    TRY(make_room(name, packets, links));
    TRY(links.set_no_queue(name));
    TRY(links.change(name, {.up = true, .mtu = {}, .tx_queue_length = {}}));
    return hold;
}

Hold::Moved Hold::give_on(uint32_t limit) {
    static thread_local char packet[largest_packet];
    Moved moved;
    while (moved.packets + moved.failed < limit) {
        ssize_t size = ::read(tap_.get(), packet, sizeof packet);
        if (size < 0) {
            if (errno == EINTR) {
                continue;
            }
            break;
        }
        moved.bytes += static_cast<size_t>(size) - virtio_header;
        ssize_t written;
        do {
            written = ::write(tap_.get(), packet, static_cast<size_t>(size));
        } while (written < 0 && (errno == EINTR || errno == EAGAIN));
        written == size ? moved.packets++ : moved.failed++;
    }
    return moved;
}

Result<uint64_t> Hold::dropped(const Links& links) const { return TRY(links.get(name_)).tx_dropped; }

}  // namespace hitless::datapath
