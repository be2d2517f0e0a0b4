#include "probe/receiver.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <cstring>
#include <set>

#include "base/fd.h"

namespace hitless::probe {

namespace {

constexpr size_t kBatch = 64;
constexpr long kPauseNs = 500'000;   // lets packets gather: one wake-up for many

class Receiver {
  public:
    Receiver(const Streams& streams, const std::vector<Stream*>& reverse_of, uint64_t run)
        : streams_(streams), reverse_of_(reverse_of), run_(run), seen_source_(streams.size()) {
        for (size_t i = 0; i < kBatch; ++i) {
            vectors_[i] = {&payloads_[i], sizeof(Payload)};   // the rest of a packet is cut off
        }
    }

    // Takes all packets that wait at 'socket'.
    void drain(int socket) {
        for (;;) {
            for (size_t i = 0; i < kBatch; ++i) {
                msghdr& header = messages_[i].msg_hdr;
                header = {&sources_[i].storage, sizeof(sockaddr_storage), &vectors_[i], 1, controls_[i].data(),
                          controls_[i].size(), 0};
            }
            const int count = ::recvmmsg(socket, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
            for (int i = 0; i < count; ++i) {
                sources_[i].length = messages_[i].msg_hdr.msg_namelen;
                take(socket, messages_[i], payloads_[i], sources_[i]);
            }
            if (count < static_cast<int>(kBatch)) {
                return;
            }
        }
    }

  private:
    static int64_t arrival_time(msghdr& header) {
        for (cmsghdr* control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
            if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
                timespec time;
                std::memcpy(&time, CMSG_DATA(control), sizeof time);
                return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
            }
        }
        return realtime_ns();
    }

    void take(int socket, mmsghdr& message, const Payload& payload, const Address& source) {
        if (message.msg_len < sizeof payload || payload.run != run_ || payload.stream >= streams_.size()) {
            return;
        }
        Stream& stream = *streams_[payload.stream];
        if (stream.receive_socket != socket) {
            return;
        }
        std::optional<Address>& last = seen_source_[stream.index];
        if (!last || !(*last == source)) {
            stream.address_changes += last.has_value();
            last = source;
            if (Stream* reverse = reverse_of_[stream.index]) {
                reverse->set_peer(source);
            }
        }
        if (payload.kind == PacketKind::measured) {
            stream.analysis.record({payload.sequence, payload.sent_ns, arrival_time(message.msg_hdr)});
            stream.received.fetch_add(1, std::memory_order_relaxed);
        } else {
            stream.connected = true;
        }
    }

    const Streams& streams_;
    const std::vector<Stream*>& reverse_of_;
    uint64_t run_;
    std::vector<std::optional<Address>> seen_source_;
    std::array<mmsghdr, kBatch> messages_{};
    std::array<iovec, kBatch> vectors_{};
    std::array<Payload, kBatch> payloads_{};
    std::array<Address, kBatch> sources_{};
    struct alignas(cmsghdr) Control : std::array<char, 64> {};
    std::array<Control, kBatch> controls_{};
};

}  // namespace

Status receive_streams(const Streams& streams, const std::vector<Stream*>& reverse_of, uint64_t run,
                       const std::atomic<bool>& stop) {
    prctl(PR_SET_TIMERSLACK, 1000UL);
    std::set<int> sockets;
    for (const auto& stream : streams) {
        sockets.insert(stream->receive_socket);
    }
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    for (const int socket : sockets) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = socket;
        if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket, &event) != 0) {
            return make_errno_error(errno, "cannot wait for packets");
        }
    }
    Receiver receiver(streams, reverse_of, run);
    while (!stop) {
        std::array<epoll_event, 16> events;
        const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 50);
        for (int i = 0; i < count; ++i) {
            receiver.drain(events[static_cast<size_t>(i)].data.fd);
        }
        const timespec pause{0, kPauseNs};
        nanosleep(&pause, nullptr);
    }
    for (const int socket : sockets) {
        receiver.drain(socket);
    }
    return {};
}

}  // namespace hitless::probe
