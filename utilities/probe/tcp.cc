#include "probe/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>

#include "probe/sockets.h"
#include "probe/stream.h"

namespace hitless::probe {

namespace {


// One end of a connection. An error ends it for good.
class End {
  public:
    explicit End(Fd socket) : socket_(std::move(socket)) {}
    virtual ~End() = default;
    End(const End&) = delete;
    End& operator=(const End&) = delete;

    int socket() const { return socket_.get(); }
    bool failed() const { return error_ != 0; }
    std::string failure() const { return error_ < 0 ? "closed by the peer" : std::strerror(error_); }
    bool wants_to_write() const { return !output_.empty(); }

    void ready(uint32_t events) {
        if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
            read();
        }
        if (!failed() && (events & EPOLLOUT)) {
            flush();
        }
    }

  protected:
    virtual void input(const char* data, size_t size) = 0;

    void write(const char* data, size_t size) {
        output_.append(data, size);
        flush();
    }

  private:
    void read() {
        std::array<char, 16384> buffer;
        for (;;) {
            const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (size > 0) {
                input(buffer.data(), static_cast<size_t>(size));
            } else if (size == 0) {
                error_ = -1;
                return;
            } else {
                if (errno != EAGAIN && errno != EINTR) {
                    error_ = errno;
                }
                return;
            }
        }
    }

    void flush() {
        const ssize_t size = ::send(socket_.get(), output_.data(), output_.size(), MSG_NOSIGNAL);
        if (size > 0) {
            output_.erase(0, static_cast<size_t>(size));
        } else if (size < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN) {
            error_ = errno;
        }
    }

    Fd socket_;
    std::string output_;
    int error_ = 0;
};

class Echo : public End {
  public:
    using End::End;

  protected:
    void input(const char* data, size_t size) override { write(data, size); }
};

class Client : public End {
  public:
    Client(Fd socket, std::string name, unsigned size) : End(std::move(socket)), name_(std::move(name)), message_(size, 0) {}

    const std::string& name() const { return name_; }
    uint64_t messages() const { return messages_; }
    uint64_t corrupted() const { return corrupted_; }
    int64_t longest_wait_ns() const { return longest_wait_ns_; }
    int64_t last_echo_of_ns() const { return last_echo_of_ns_; }   // when the message last echoed was sent; 0: none
    int64_t waiting_since_ns() const { return waiting_ ? sent_ns_ : 0; }

    // Sends the next message when the last was echoed, at least 'interval_ns' ago.
    void next_message(int64_t now, int64_t interval_ns) {
        if (waiting_ || failed() || now < sent_ns_ + interval_ns) {
            return;
        }
        ++number_;
        for (size_t i = 0; i < message_.size(); ++i) {
            message_[i] = static_cast<char>(number_ * 31 + i);   // differs from message to message
        }
        echo_.clear();
        waiting_ = true;
        sent_ns_ = now;
        write(message_.data(), message_.size());
    }

    uint64_t retransmissions() const {
        tcp_info info{};
        socklen_t length = sizeof info;
        return ::getsockopt(socket(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? info.tcpi_total_retrans : 0;
    }

  protected:
    void input(const char* data, size_t size) override {
        echo_.append(data, size);
        if (!waiting_ || echo_.size() < message_.size()) {
            return;
        }
        ++messages_;
        corrupted_ += echo_ != message_;
        longest_wait_ns_ = std::max(longest_wait_ns_, monotonic_ns() - sent_ns_);
        last_echo_of_ns_ = sent_ns_;
        waiting_ = false;
    }

  private:
    std::string name_, message_, echo_;
    uint64_t number_ = 0, messages_ = 0, corrupted_ = 0;
    bool waiting_ = false;
    int64_t sent_ns_ = 0, longest_wait_ns_ = 0, last_echo_of_ns_ = 0;
};

class Holder {
  public:
    explicit Holder(const TcpOptions& options) : options_(options), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

    Status open();
    // Handles what is ready, and lets the clients that are due send.
    void turn();
    // Every live client had an echo of a message that it sent after 'when_ns'.
    bool all_echoed_since(int64_t when_ns) const;
    const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }

  private:
    Status listen_for(const FlowSpec& flow);
    Status connect_for(const FlowSpec& flow);
    Status watch(int socket, uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.fd = socket;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event) != 0) {
            return make_errno_error(errno, "cannot watch a socket");
        }
        return {};
    }
    void accept_all(int listener);

    const TcpOptions& options_;
    Fd epoll_;
    std::map<int, Fd> listeners_;
    std::map<int, std::unique_ptr<Echo>> echoes_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::map<int, End*> ends_;
};

Status Holder::listen_for(const FlowSpec& flow) {
    Fd socket = TRY(bound_socket(flow.to, flow.destination, {SOCK_STREAM, 0, false}));
    if (::listen(socket.get(), 4096) != 0) {
        return make_errno_error(errno, "{}: cannot listen", flow.destination.to_string());
    }
    TRY(watch(socket.get(), EPOLLIN));
    const int number = socket.get();
    listeners_.emplace(number, std::move(socket));
    return {};
}

Status Holder::connect_for(const FlowSpec& flow) {
    Address any_port = flow.source;
    if (any_port.family() == AF_INET6) {
        reinterpret_cast<sockaddr_in6&>(any_port.storage).sin6_port = 0;
    } else {
        reinterpret_cast<sockaddr_in&>(any_port.storage).sin_port = 0;
    }
    Fd socket = TRY(bound_socket(flow.from, any_port, {SOCK_STREAM, 0, false}));
    const int one = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&flow.destination.storage), flow.destination.length) != 0 &&
        errno != EINPROGRESS) {
        return make_errno_error(errno, "cannot connect to {}", flow.destination.to_string());
    }
    Address own;
    own.length = sizeof own.storage;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own.storage), &own.length);
    TRY(watch(socket.get(), EPOLLIN | EPOLLOUT | EPOLLET));
    clients_.push_back(std::make_unique<Client>(
        std::move(socket), own.to_string() + ">" + flow.destination.to_string(), options_.size_bytes));
    ends_[clients_.back()->socket()] = clients_.back().get();
    return {};
}

Status Holder::open() {
    for (const FlowSpec& flow : options_.flows) {
        TRY(listen_for(flow));
    }
    for (const FlowSpec& flow : options_.flows) {
        for (unsigned i = 0; i < options_.connections; ++i) {
            TRY(connect_for(flow));
        }
    }
    return {};
}

void Holder::accept_all(int listener) {
    for (;;) {
        Fd socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        const int number = socket.get();
        if (!socket || !watch(number, EPOLLIN | EPOLLOUT | EPOLLET).ok()) {
            return;
        }
        const int one = 1;
        ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        echoes_[number] = std::make_unique<Echo>(std::move(socket));
        ends_[number] = echoes_[number].get();
    }
}

void Holder::turn() {
    std::array<epoll_event, 64> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 2);
    for (int i = 0; i < count; ++i) {
        const int socket = events[static_cast<size_t>(i)].data.fd;
        if (listeners_.contains(socket)) {
            accept_all(socket);
        } else {
            ends_.at(socket)->ready(events[static_cast<size_t>(i)].events);
        }
    }
    const int64_t now = monotonic_ns();
    for (const auto& client : clients_) {
        client->next_message(now, std::chrono::nanoseconds(options_.interval).count());
    }
}

bool Holder::all_echoed_since(int64_t when_ns) const {
    return std::all_of(clients_.begin(), clients_.end(), [when_ns](const auto& client) {
        return client->failed() || client->last_echo_of_ns() > when_ns;
    });
}

TcpReport make_report(const Holder& holder, int64_t started, int64_t ended) {
    TcpReport report;
    report.duration_s = static_cast<double>(ended - started) / 1e9;
    report.connections = holder.clients().size();
    for (const auto& client : holder.clients()) {
        const bool alive = !client->failed() && client->last_echo_of_ns() > ended;
        report.alive += alive;
        report.messages += client->messages();
        report.corrupted += client->corrupted();
        report.retransmissions += client->retransmissions();
        report.longest_wait_ns = std::max(report.longest_wait_ns, client->longest_wait_ns());
        if (client->waiting_since_ns() != 0) {
            report.longest_wait_ns = std::max(report.longest_wait_ns, monotonic_ns() - client->waiting_since_ns());
        }
        if (!alive && report.failures.size() < 10) {
            report.failures.push_back(
                fmt::format("{}: {}", client->name(), client->failed() ? client->failure() : "no echo any more"));
        }
    }
    return report;
}

}  // namespace

Result<TcpReport> hold_connections(const TcpOptions& options) {
    const auto stopped = [&] { return options.stopped && options.stopped(); };
    const int64_t grace = std::chrono::nanoseconds(options.grace).count();
    Holder holder(options);
    TRY(holder.open());
    const int64_t opened = monotonic_ns();
    while (!holder.all_echoed_since(0) && !stopped()) {
        if (monotonic_ns() - opened > grace) {
            break;
        }
        holder.turn();
    }
    for (const auto& client : holder.clients()) {
        if (client->failed() || client->last_echo_of_ns() == 0) {
            return make_error("connection {} cannot be established: {}", client->name(),
                              client->failed() ? client->failure() : "no answer; check the path and its policy");
        }
    }
    if (options.on_started) {
        options.on_started();
    }
    const int64_t started = monotonic_ns();
    const int64_t end = options.duration ? started + options.duration->count() : INT64_MAX;
    while (!stopped() && monotonic_ns() < end) {
        holder.turn();
    }
    const int64_t ended = monotonic_ns();
    while (!holder.all_echoed_since(ended) && monotonic_ns() - ended < grace) {
        holder.turn();
    }
    TcpReport report = make_report(holder, started, ended);
    report.bytes = report.messages * options.size_bytes;
    return report;
}

}  // namespace hitless::probe
