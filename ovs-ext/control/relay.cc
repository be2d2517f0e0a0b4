#include "control/relay.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>

#include "control/unix_socket.h"

namespace hitless::control {
namespace {

using Clock = std::chrono::steady_clock;

// A controller that does not answer: the switch is told by then, and tries again.
constexpr std::chrono::seconds connect_limit{10};
// A switch accepts one client in each turn of its main loop, and 64 wait meanwhile; it says HELLO to whom it has accepted.
constexpr int room_again_ms = 2;
constexpr std::ptrdiff_t in_queue_at_once = 16;

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// Starts to connect, in the thread's network namespace. No Fd: the destination has no room for now.
Result<Fd> start_connect(const ControllerAddress& address) {
    addrinfo hints = {}, *found = nullptr;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    if (int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found)) {
        return make_error("controller {}: {}", address.host, ::gai_strerror(error));
    }
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    Fd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int one = 1;
    if (!fd || ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        (::connect(fd.get(), found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS)) {
        return make_errno_error(errno, "controller {}", address.host);
    }
    return fd;
}

Result<Fd> start_connect(const std::string& path) {
    return connect_unix(path);
}

// One direction: what was read from 'from' and is not yet written to 'to'.
class Direction {
  public:
    bool finished() const { return finished_; }
    bool wants_input() const { return !end_of_input_ && begin_ == end_; }
    bool wants_output() const { return begin_ != end_; }
    bool end_of_input() const { return end_of_input_; }

    void read(int from) {
        ssize_t n = ::recv(from, buffer_.data(), buffer_.size(), 0);
        begin_ = 0;
        end_ = n > 0 ? static_cast<size_t>(n) : 0;
        end_of_input_ = n == 0 || (n < 0 && !would_block());
    }

    void write(int to) {
        if (wants_output()) {
            ssize_t n = ::send(to, buffer_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
            if (n < 0 && !would_block()) {
                abandon();
            }
            begin_ += n > 0 ? static_cast<size_t>(n) : 0;
        }
        if (end_of_input_ && !wants_output() && !finished_) {
            ::shutdown(to, SHUT_WR);
            finished_ = true;
        }
    }

    // Its receiver is gone.
    void abandon() {
        begin_ = end_ = 0;
        end_of_input_ = finished_ = true;
    }

  private:
    std::array<char, Relay::buffer_bytes> buffer_;
    size_t begin_ = 0, end_ = 0;
    bool end_of_input_ = false, finished_ = false;
};

}  // namespace

class Relay::Connection {
  public:
    Connection(std::string path, Fd client, Fd server)
        : path_(std::move(path)), client_(std::move(client)), server_(std::move(server)) {}

    const std::string& path() const { return path_; }
    bool established() const { return !connecting_ && !over(); }
    // The destination has said something, or has ended it.
    bool answered() const { return answered_; }
    bool over() const { return failed_ || (up_.finished() && down_.finished()); }

    // Milliseconds until run() must be called without an event; negative: never.
    int time_left_ms() const {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
        return connecting_ ? static_cast<int>(std::max<int64_t>(left.count(), 0)) : -1;
    }

    std::array<pollfd, 2> poll_fds() const {
        if (connecting_) {
            // A client that gives up meanwhile (POLLHUP) ends the attempt.
            return {pollfd{client_.get(), 0, 0}, pollfd{server_.get(), POLLOUT, 0}};
        }
        return {poll_fd(client_, up_, down_), poll_fd(server_, down_, up_)};
    }

    void run(const pollfd& of_client, const pollfd& of_server) {
        if (connecting_) {
            check_connecting(of_client, of_server);
            return;
        }
        answered_ = answered_ || of_server.revents & (POLLIN | POLLHUP | POLLERR);
        take(up_, client_, of_client, down_);
        take(down_, server_, of_server, up_);
        up_.write(server_.get());
        down_.write(client_.get());
    }

  private:
    static pollfd poll_fd(const Fd& fd, const Direction& in, const Direction& out) {
        int events = (in.wants_input() ? POLLIN : 0) | (out.wants_output() ? POLLOUT : 0);
        // With no events poll() still reports POLLHUP: wanted to learn that a peer that sends nothing more is gone for good,
        // but not while that cannot be acted on, or the loop would spin.
        bool learn = in.end_of_input() && !out.finished();
        return {events || learn ? fd.get() : -1, static_cast<short>(events), 0};
    }

    static void take(Direction& in, const Fd& fd, const pollfd& poll, Direction& out) {
        if (in.wants_input() && poll.revents) {
            in.read(fd.get());
        } else if (in.end_of_input() && (poll.revents & (POLLHUP | POLLERR))) {
            out.abandon();
        }
    }

    void check_connecting(const pollfd& of_client, const pollfd& of_server) {
        int error = 0;
        socklen_t size = sizeof error;
        if (of_server.revents) {
            connecting_ = false;
            failed_ = ::getsockopt(server_.get(), SOL_SOCKET, SO_ERROR, &error, &size) || error;
        } else {
            failed_ = (of_client.revents & (POLLHUP | POLLERR)) || Clock::now() >= deadline_;
        }
    }

    std::string path_;
    Fd client_, server_;
    Clock::time_point deadline_ = Clock::now() + connect_limit;
    bool connecting_ = true, failed_ = false, answered_ = false;
    Direction up_, down_;   // from the client, to the client
};

Result<std::unique_ptr<Relay>> Relay::start(const NetworkNamespace& where) {
    std::unique_ptr<Relay> relay(new Relay);
    relay->wake_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!relay->wake_) {
        return make_errno_error(errno, "relay: no eventfd");
    }
    std::promise<Status> entered;
    auto ready = entered.get_future();
    relay->thread_ = std::thread([relay = relay.get(), where, entered = std::move(entered)]() mutable {
        auto status = enter(where);
        bool ok = status.ok();
        entered.set_value(std::move(status));
        if (ok) {
            relay->serve();
        }
    });
    TRY(ready.get());
    return relay;
}

Relay::~Relay() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake();
    if (thread_.joinable()) {
        thread_.join();
    }
    for (const auto& [path, listener] : listeners_) {
        (void)remove_file(path);
    }
}

void Relay::wake() const {
    ::eventfd_write(wake_.get(), 1);
}

Status Relay::listen(const std::string& path, std::optional<Destination> destination) {
    std::lock_guard lock(mutex_);
    if (listeners_.contains(path)) {
        return make_error("relay {}: exists", path);
    }
    listeners_.emplace(path, Listener{TRY(listen_unix(path)), std::move(destination), {}});
    generation_++;
    wake();
    return {};
}

Status Relay::lead(const std::string& path, Destination destination) {
    std::lock_guard lock(mutex_);
    auto listener = listeners_.find(path);
    if (listener == listeners_.end()) {
        return make_error("relay {}: there is none", path);
    }
    listener->second.destination = std::move(destination);
    wake();
    return {};
}

Status Relay::stop(const std::string& path) {
    std::lock_guard lock(mutex_);
    if (!listeners_.erase(path)) {
        return make_error("relay {}: there is none", path);
    }
    std::erase_if(connections_, [&](const auto& connection) { return connection->path() == path; });
    generation_++;
    wake();
    return remove_file(path);
}

size_t Relay::established() const {
    std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(),
                                             [](const auto& connection) { return connection->established(); }));
}

size_t Relay::established(const std::string& path) const {
    std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(), [&](const auto& connection) {
        return connection->path() == path && connection->established();
    }));
}

bool Relay::has_room(const std::string& path, const Listener& listener) const {
    if (!listener.destination || connections_.size() >= max_connections) {
        return false;
    }
    return std::holds_alternative<ControllerAddress>(*listener.destination) ||
           std::ranges::count_if(connections_, [&](const auto& connection) {
               return connection->path() == path && !connection->answered();
           }) < in_queue_at_once;
}

void Relay::accept_from(const std::string& path, Listener& listener) {
    while (has_room(path, listener)) {
        Fd client = listener.turned_away ? std::move(listener.turned_away)
                                         : Fd(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client) {
            return;
        }
        auto server = std::visit([](const auto& destination) { return start_connect(destination); }, *listener.destination);
        if (server && !*server) {
            listener.turned_away = std::move(client);
            return;
        }
        if (server) {
            connections_.push_back(std::make_unique<Connection>(path, std::move(client), std::move(*server)));
        }   // else the client sees its connection closed at once
    }
}

void Relay::serve() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}};
        int timeout_ms = -1;
        for (const auto& connection : connections_) {
            auto two = connection->poll_fds();
            fds.insert(fds.end(), two.begin(), two.end());
            int left = connection->time_left_ms();
            timeout_ms = timeout_ms < 0 ? left : left < 0 ? timeout_ms : std::min(left, timeout_ms);
        }
        for (const auto& [path, listener] : listeners_) {
            if (!has_room(path, listener)) {
                continue;
            }
            if (listener.turned_away) {
                timeout_ms = room_again_ms;
            } else {
                fds.push_back({listener.socket.get(), POLLIN, 0});
            }
        }
        auto generation = generation_;
        lock.unlock();
        bool polled = ::poll(fds.data(), fds.size(), timeout_ms) >= 0;
        lock.lock();
        eventfd_t count;
        ::eventfd_read(wake_.get(), &count);
        if (!polled || generation != generation_) {
            continue;
        }
        for (size_t i = 0; i < connections_.size(); i++) {
            connections_[i]->run(fds[1 + 2 * i], fds[2 + 2 * i]);
        }
        std::erase_if(connections_, [](const auto& connection) { return connection->over(); });
        for (auto& [path, listener] : listeners_) {
            accept_from(path, listener);
        }
    }
    connections_.clear();
}

}  // namespace hitless::control
