#include "control/dummy_controller.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace hitless::control {
namespace {

// OpenFlow 1.5.1 section 7.1; the types of barriers were renumbered after OpenFlow 1.0.
struct Header {
    uint8_t version, type;
    uint16_t length_be;
    uint32_t xid_be;
};
static_assert(sizeof(Header) == 8);
enum : uint8_t {
    hello = 0,
    echo_request = 2,
    echo_reply = 3,
    barrier_request10 = 18,
    barrier_reply10 = 19,
    barrier_request = 20,
    barrier_reply = 21,
};
constexpr uint8_t highest_version = 6;   // OpenFlow 1.5

std::string message(uint8_t version, uint8_t type, uint32_t xid) {
    Header header = {version, type, htons(sizeof header), htonl(xid)};
    return std::string(reinterpret_cast<const char*>(&header), sizeof header);
}

class Session {
  public:
    // A switch that sends requests without reading the answers is not read from while more than that waits.
    static constexpr size_t max_output_bytes = 128 << 10;

    explicit Session(Fd fd) : fd_(std::move(fd)), output_(message(highest_version, hello, 1)) {}

    bool over() const { return over_; }
    bool admitted() const { return admitted_; }

    pollfd poll_fd() const {
        int events = (output_.size() < max_output_bytes ? POLLIN : 0) | (output_.empty() ? 0 : POLLOUT);
        return {fd_.get(), static_cast<short>(events), 0};
    }

    void run(short events) {
        if (events & (POLLIN | POLLHUP | POLLERR)) {
            read();
        }
        while (consume_message()) {
        }
        if (!output_.empty()) {
            ssize_t n = ::send(fd_.get(), output_.data(), output_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            over_ = over_ || (n < 0 && errno != EAGAIN && errno != EINTR);
            output_.erase(0, n > 0 ? static_cast<size_t>(n) : 0);
        }
    }

  private:
    void read() {
        char buffer[16384];
        ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (n > 0) {
            input_.append(buffer, static_cast<size_t>(n));   // at most one message (65,535 bytes) and one buffer: see below
        } else {
            over_ = n == 0 || (errno != EAGAIN && errno != EINTR);
        }
    }

    // Deals with the first message of input_; false when it is not complete.
    bool consume_message() {
        Header header;
        if (over_ || input_.size() < sizeof header) {
            return false;
        }
        std::memcpy(&header, input_.data(), sizeof header);
        size_t length = ntohs(header.length_be);
        if (length < sizeof header) {
            over_ = true;   // this is no OpenFlow
            return false;
        }
        if (input_.size() < length) {
            return false;
        }
        answer(header, input_.substr(0, length));
        input_.erase(0, length);
        return true;
    }

    void answer(const Header& header, std::string text) {
        switch (header.type) {
        case hello: {
            uint8_t version = std::min(header.version, highest_version);
            output_ += message(version, version == 1 ? barrier_request10 : barrier_request, 2);
            break;
        }
        case echo_request:
            text[1] = echo_reply;
            output_ += text;
            break;
        case barrier_reply10:
        case barrier_reply:
            admitted_ = admitted_ || header.type == (header.version == 1 ? barrier_reply10 : barrier_reply);
            break;
        }
    }

    Fd fd_;
    std::string input_, output_;
    bool over_ = false, admitted_ = false;
};

Result<Fd> listen_tcp(int family, uint16_t& port) {
    sockaddr_storage address = {};
    socklen_t size = 0;
    if (family == AF_INET) {
        auto* in = reinterpret_cast<sockaddr_in*>(&address);
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        size = sizeof *in;
    } else {
        auto* in6 = reinterpret_cast<sockaddr_in6*>(&address);
        in6->sin6_family = AF_INET6;
        in6->sin6_addr = in6addr_loopback;
        size = sizeof *in6;
    }
    Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (!fd || ::bind(fd.get(), generic, size) || ::listen(fd.get(), 16) || ::getsockname(fd.get(), generic, &size)) {
        return make_errno_error(errno, "dummy controller: cannot listen at {}", family == AF_INET ? "127.0.0.1" : "::1");
    }
    port = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address)->sin_port
                                   : reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
    return fd;
}

Status check_loopback(int any_socket, const NetworkNamespace& where) {
    ifreq request = {};
    std::strcpy(request.ifr_name, "lo");
    if (::ioctl(any_socket, SIOCGIFFLAGS, &request) || !(request.ifr_flags & IFF_UP)) {
        return make_error("network namespace {}: interface lo is down, so a switch in it cannot be kept from its controllers; "
                          "ip link set lo up", where.value_or("of the daemon"));
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<DummyController>> DummyController::start(const NetworkNamespace& where) {
    std::unique_ptr<DummyController> dummy(new DummyController);
    TRY(run_inside(where, [&]() -> Status {
        dummy->listen4_ = TRY(listen_tcp(AF_INET, dummy->port4_));
        TRY(check_loopback(dummy->listen4_.get(), where));
        if (auto listen6 = listen_tcp(AF_INET6, dummy->port6_)) {
            dummy->listen6_ = std::move(*listen6);
        }   // else IPv6 is off there
        return {};
    }));
    dummy->wake_.reset(::eventfd(0, EFD_CLOEXEC));
    if (!dummy->wake_) {
        return make_errno_error(errno, "dummy controller: no eventfd");
    }
    dummy->thread_ = std::thread([dummy = dummy.get()] { dummy->serve(); });
    return dummy;
}

DummyController::~DummyController() {
    stop_ = true;
    if (thread_.joinable()) {
        ::eventfd_write(wake_.get(), 1);
        thread_.join();
    }
}

void DummyController::serve() {
    std::vector<Session> sessions;
    while (!stop_) {
        std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}, {listen4_.get(), POLLIN, 0}, {listen6_.get(), POLLIN, 0}};
        for (const auto& session : sessions) {
            fds.push_back(session.poll_fd());
        }
        if (::poll(fds.data(), fds.size(), -1) < 0) {
            continue;
        }
        for (size_t i = 0; i < sessions.size(); i++) {
            sessions[i].run(fds[3 + i].revents);
        }
        std::erase_if(sessions, [](const auto& session) { return session.over(); });
        for (int i : {1, 2}) {
            Fd client(fds[i].revents ? ::accept4(fds[i].fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1);
            if (client && sessions.size() < max_connections) {
                sessions.emplace_back(std::move(client));
            }
        }
        admitted_ = static_cast<size_t>(std::count_if(sessions.begin(), sessions.end(),
                                                      [](const auto& session) { return session.admitted(); }));
    }
}

}  // namespace hitless::control
