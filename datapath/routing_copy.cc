#include "datapath/routing_copy.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <thread>

#include "base/fd.h"
#include "datapath/b_namespace.h"
#include "datapath/host_settings.h"
#include "datapath/tap_routing.h"

namespace hitless::datapath {

namespace {

using namespace std::chrono_literals;

// Changes come in bursts.
constexpr auto settle_time = 10ms;

// IPv6 on one of B's taps, for addresses that are given to it and nothing else.
Status enable_ipv6(const std::string& name) {
    const std::string conf = "/proc/sys/net/ipv6/conf/" + name + "/";
    if (::access(conf.c_str(), F_OK)) {
        return {};
    }
    for (const auto& [setting, value] : {std::pair{"accept_ra", "0"}, {"autoconf", "0"}, {"router_solicitations", "0"},
                                         {"dad_transmits", "0"}, {"accept_dad", "0"}, {"addr_gen_mode", "1"}, {"disable_ipv6", "0"}}) {
        TRY(exchange_setting(conf + setting, value));
    }
    return {};
}

template <typename T>
std::set<T> less(const std::set<T>& all, const std::set<T>& without) {
    std::set<T> result;
    std::set_difference(all.begin(), all.end(), without.begin(), without.end(), std::inserter(result, result.end()));
    return result;
}

void empty(int fd) {
    char buffer[16384];
    while (::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR) {
        errno = 0;
    }
}

}  // namespace

class RoutingCopy::Worker {
  public:
    Worker(Fd b_namespace, TapRouting host, TapRouting b, TapRouting host_monitor, TapRouting b_monitor,
           std::function<void(const std::string&)> problem)
        : b_namespace_(std::move(b_namespace)), host_(std::move(host)), b_(std::move(b)), host_monitor_(std::move(host_monitor)),
          b_monitor_(std::move(b_monitor)), problem_(std::move(problem)), stop_(::eventfd(0, EFD_CLOEXEC)) {}
    ~Worker() {
        if (thread_.joinable()) {
            ::eventfd_write(stop_.get(), 1);
            thread_.join();
        }
    }

    void follow() {
        thread_ = std::thread([this] { run(); });
    }
    void copy();

  private:
    void run();
    Status copy_tap(const std::string& name, const Tap& wanted, Tap present);
    void report(const Status& status);

    Fd b_namespace_;
    TapRouting host_, b_, host_monitor_, b_monitor_;
    std::function<void(const std::string&)> problem_;
    Fd stop_;
    std::set<std::string> reported_;
    std::thread thread_;
};

void RoutingCopy::Worker::report(const Status& status) {
    if (!status && reported_.insert(status.error().message).second) {
        problem_("B's network namespace: " + status.error().message + ": tunnels over it may not work while B is active");
    }
}

// Addresses before routes, for routes need them; a removed address takes its routes along.
Status RoutingCopy::Worker::copy_tap(const std::string& name, const Tap& wanted, Tap present) {
    if (present.mac != wanted.mac) {
        TRY(b_.set_mac(present, name, wanted.mac));
    }
    for (const auto& address : less(present.addresses, wanted.addresses)) {
        TRY(b_.remove_address(present, name, address));
    }
    auto missing = less(wanted.addresses, present.addresses);
    if (std::any_of(missing.begin(), missing.end(), [](const auto& address) { return address.family == AF_INET6; })) {
        TRY(in_namespace(b_namespace_.get(), [&] { return enable_ipv6(name); }));
    }
    for (const auto& address : missing) {
        TRY(b_.add_address(present, name, address));
    }
    // The kernel has made routes for the addresses, and those over a gateway need them.
    present = TRY(b_.read())[name];
    for (const auto& route : less(present.routes, wanted.routes)) {
        TRY(b_.remove_route(present, name, route));
    }
    for (const auto& route : less(wanted.routes, present.routes)) {
        TRY(b_.add_route(present, name, route));
    }
    return {};
}

void RoutingCopy::Worker::copy() {
    auto host = host_.read();
    auto b = b_.read();
    for (const auto* side : {&host, &b}) {
        if (!*side) {
            report(side->error());
            return;
        }
    }
    for (const auto& [name, wanted] : *host) {
        // A tap that is down has no routes; B's comes up when it is joined with its leg.
        if (auto present = b->find(name); present != b->end() && wanted.up && present->second.up) {
            report(copy_tap(name, wanted, present->second));
        }
    }
}

void RoutingCopy::Worker::run() {
    for (;;) {
        pollfd fds[] = {{stop_.get(), POLLIN, 0}, {host_monitor_.fd(), POLLIN, 0}, {b_monitor_.fd(), POLLIN, 0}};
        if (::poll(fds, std::size(fds), -1) < 0 && errno != EINTR) {
            return;
        }
        if (fds[0].revents) {
            return;
        }
        std::this_thread::sleep_for(settle_time);
        empty(host_monitor_.fd());
        empty(b_monitor_.fd());
        copy();
    }
}

RoutingCopy::RoutingCopy(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}

RoutingCopy::~RoutingCopy() = default;

Result<std::unique_ptr<RoutingCopy>> RoutingCopy::start(int b_namespace, std::function<void(const std::string&)> problem) {
    Fd own(::dup(b_namespace));
    if (!own) {
        return make_errno_error(errno, "network namespace of B");
    }
    auto host_monitor = TRY(TapRouting::open_monitor());
    auto b_monitor = TRY(in_namespace(b_namespace, [] { return TapRouting::open_monitor(); }));
    auto b = TRY(in_namespace(b_namespace, [] { return TapRouting::open(); }));
    auto worker = std::make_unique<Worker>(std::move(own), TRY(TapRouting::open()), std::move(b), std::move(host_monitor),
                                           std::move(b_monitor), std::move(problem));
    worker->copy();
    worker->follow();
    return std::unique_ptr<RoutingCopy>(new RoutingCopy(std::move(worker)));
}

}  // namespace hitless::datapath
