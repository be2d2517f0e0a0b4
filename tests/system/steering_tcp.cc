#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "steering_fixture.h"
#include "steering_lab.h"

namespace hitless::test {

namespace {

// Every byte is known from its place in the stream.
char pattern(uint64_t at) { return static_cast<char>(at * 2654435761U >> 13); }

Fd stream_socket(const std::string& network_namespace, const std::string& ip, uint16_t port) {
    auto make = [&]() -> hitless::Result<Fd> {
        Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
        int on = 1;   // the test before may have left the address in TIME_WAIT
        if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) {
            return make_errno_error(errno, "TCP {}:{}", ip, port);
        }
        if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address)) {
            return make_errno_error(errno, "TCP {}:{}", ip, port);
        }
        return fd;
    };
    if (network_namespace.empty()) {
        return must(make());
    }
    Fd ns = must(datapath::open_namespace(network_namespace));
    return must(datapath::in_namespace(ns.get(), make));
}

}  // namespace

TcpTransfer::TcpTransfer(const std::string& client_namespace, const std::string& client_ip,
                         const std::string& server_namespace, const std::string& server_ip, uint16_t port)
    : port_(port), listener_(stream_socket(server_namespace, server_ip, port)), client_(stream_socket(client_namespace, client_ip, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, server_ip.c_str(), &address.sin_addr);
    ::listen(listener_.get(), 1);
    if (::connect(client_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address)) {
        throw std::runtime_error(make_errno_error(errno, "TCP {} -> {}", client_ip, server_ip).message);
    }
    server_ = Fd(::accept(listener_.get(), nullptr, nullptr));
    sender_ = std::thread([this] {
        char buffer[65536];
        while (sending_) {
            for (size_t i = 0; i < sizeof buffer; i++) {
                buffer[i] = pattern(sent_ + i);
            }
            ssize_t n = ::send(client_.get(), buffer, sizeof buffer, MSG_NOSIGNAL);
            if (n <= 0) {
                break;
            }
            sent_ += static_cast<uint64_t>(n);
            // A quarter of what two cores do: the switches shall not be starved.
            std::this_thread::sleep_for(4ms);
        }
    });
    receiver_ = std::thread([this] {
        char buffer[65536];
        ssize_t n;
        while ((n = ::recv(server_.get(), buffer, sizeof buffer, 0)) > 0) {
            for (ssize_t i = 0; i < n; i++) {
                if (buffer[i] != pattern(received_ + static_cast<uint64_t>(i))) {
                    intact_ = false;
                }
            }
            received_ += static_cast<uint64_t>(n);
        }
    });
}

hitless::Result<TcpTransfer::Result> TcpTransfer::stop() {
    sending_ = false;
    sender_.join();
    for (int i = 0; i < 500 && received_ != sent_; i++) {
        std::this_thread::sleep_for(10ms);
    }
    std::this_thread::sleep_for(100ms);   // the last acknowledgement
    Result result;
    result.bytes = received_;
    result.intact = intact_ && received_ == sent_;
    tcp_info info = {};
    socklen_t size = sizeof info;
    ::getsockopt(client_.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
    result.retransmits = info.tcpi_total_retrans;
    sockaddr_in address = {};
    size = sizeof address;
    ::getsockname(client_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    result.client_port = ntohs(address.sin_port);
    return result;
}

TcpTransfer::~TcpTransfer() {
    sending_ = false;
    ::shutdown(client_.get(), SHUT_RDWR);
    ::shutdown(server_.get(), SHUT_RDWR);
    if (sender_.joinable()) {
        sender_.join();
    }
    receiver_.join();
}

std::string SteeringTest::tcx_programs(const std::string& device, unsigned ifindex) {
    std::string found;
    for (unsigned attach_type : {46u, 47u}) {   // BPF_TCX_INGRESS, BPF_TCX_EGRESS of Linux 6.6
        bpf_attr attributes;
        uint32_t ids[16] = {};
        std::memset(&attributes, 0, sizeof attributes);
        attributes.query.target_fd = ifindex;   // a union with target_ifindex in Linux 6.6
        attributes.query.attach_type = attach_type;
        attributes.query.prog_ids = reinterpret_cast<uintptr_t>(ids);
        attributes.query.prog_cnt = 16;
        if (::syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) == 0 && attributes.query.prog_cnt) {
            found += fmt::format("{}: {} tcx programs\n", device, attributes.query.prog_cnt);
        }
    }
    return found;
}

}  // namespace hitless::test
