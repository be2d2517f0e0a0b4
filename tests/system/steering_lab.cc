#include "steering_lab.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/process.h"
#include "datapath/host_settings.h"
#include "datapath/links.h"

namespace hitless::test {

namespace {

using Clock = std::chrono::steady_clock;

pid_t read_pid(const std::string& path) {
    std::ifstream file(path);
    pid_t pid = 0;
    file >> pid;
    return pid;
}

void end_process(pid_t pid) {
    if (pid > 0 && ::kill(pid, SIGKILL) == 0) {
        if (auto process = Process::open(pid); process.ok()) {
            static_cast<void>(process->wait_end(std::chrono::seconds(5)).ok());
        }
    }
}

uint64_t now_ns() { return static_cast<uint64_t>(Clock::now().time_since_epoch().count()); }

struct Packet {
    uint64_t number, sent_ns;
};

constexpr uint16_t experimental = 0x88b6;   // an ethertype

void append(std::string& frame, uint16_t field) {
    frame.push_back(static_cast<char>(field >> 8));
    frame.push_back(static_cast<char>(field & 0xff));
}

// What follows the outer tag.
std::string after_tag(const Traffic::Stream& stream) {
    std::string head;
    if (stream.inner_vlan) {
        append(head, ETH_P_8021Q);
        append(head, stream.inner_vlan);
    }
    append(head, experimental);
    return head;
}

// Addresses, tags, ethertype.
std::string frame_head(const Traffic::Stream& stream) {
    std::string head(6, '\xff');   // to everybody
    head += {2, 0, 0, 0, 7, static_cast<char>(stream.vlan)};
    append(head, stream.inner_vlan ? ETH_P_8021AD : ETH_P_8021Q);
    append(head, stream.vlan);
    return head + after_tag(stream);
}

// Frames of eth0 there, of all protocols, with their VLAN tags told apart.
Result<Fd> frame_socket(const std::string& network_namespace) {
    Fd ns = TRY(datapath::open_namespace(network_namespace));
    return datapath::in_namespace(ns.get(), []() -> Result<Fd> {
        Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
        sockaddr_ll address = {};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
        int on = 1, bytes = 64 << 20;
        if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ||
            ::setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) ||
            ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes)) {
            return make_errno_error(errno, "packet socket of eth0");
        }
        return fd;
    });
}

// The payload of the next frame of 'stream'. 0: a frame of others. -1: none.
ssize_t receive_tagged(int fd, const Traffic::Stream& stream, Packet& packet) {
    char frame[65536];
    alignas(cmsghdr) char control[256];
    iovec io = {frame, sizeof frame};
    sockaddr_ll from = {};
    msghdr message = {};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t n = ::recvmsg(fd, &message, 0);
    if (n < 0) {
        return -1;
    }
    std::string tail = after_tag(stream);   // the kernel has taken the outer tag out
    if (from.sll_pkttype == PACKET_OUTGOING || n < static_cast<ssize_t>(12 + tail.size() + sizeof packet) ||
        std::memcmp(frame + 12, tail.data(), tail.size())) {
        return 0;
    }
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        tpacket_auxdata aux;
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
            std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
            if ((aux.tp_status & TP_STATUS_VLAN_VALID) && (aux.tp_vlan_tci & 0xfff) == stream.vlan) {
                std::memcpy(&packet, frame + 12 + tail.size(), sizeof packet);
                return n;
            }
        }
    }
    return 0;
}

// For both versions of IP.
Result<Fd> udp_socket(const std::string& network_namespace) {
    auto make = []() -> Result<Fd> {
        Fd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        int bytes = 64 << 20;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
        return fd;
    };
    if (network_namespace.empty()) {
        return make();
    }
    Fd ns = TRY(datapath::open_namespace(network_namespace));
    return datapath::in_namespace(ns.get(), make);
}

sockaddr_in6 address(const std::string& ip, uint16_t port) {
    sockaddr_in6 result = {};
    result.sin6_family = AF_INET6;
    result.sin6_port = htons(port);
    ::inet_pton(AF_INET6, (ip.find(':') == ip.npos ? "::ffff:" + ip : ip).c_str(), &result.sin6_addr);
    return result;
}

}  // namespace

Result<std::string> StockSwitch::run(std::vector<std::string> argv) {
    ProgramOptions options;
    for (const char* name : {"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"}) {
        options.environment[name] = directory_;
    }
    if (!namespace_.empty()) {
        options.network_namespace = namespace_;
    }
    return run_checked(argv, options);
}

Result<std::unique_ptr<StockSwitch>> StockSwitch::start(const std::string& directory, const std::string& network_namespace,
                                                        const std::string& hwaddr, const std::vector<std::string>& settings) {
    std::unique_ptr<StockSwitch> result(new StockSwitch);
    result->directory_ = directory;
    result->namespace_ = network_namespace;
    std::filesystem::create_directories(directory);
    auto at = [&](const char* name) { return directory + "/" + name; };
    TRY(result->run({"ovsdb-tool", "create", at("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema"}));
    TRY(result->run({"ovsdb-server", at("conf.db"), "--remote=punix:" + at("db.sock"), "--pidfile=" + at("db.pid"),
                     "--unixctl=" + at("db.ctl"), "--log-file=" + at("db.log"), "--detach", "--no-chdir"}));
    result->database_pid_ = read_pid(at("db.pid"));
    TRY(result->vsctl({"--no-wait", "init"}));
    for (const auto& setting : settings) {
        TRY(result->vsctl({"--no-wait", "set", "Open_vSwitch", ".", setting}));
    }
    TRY(result->run({"ovs-vswitchd", "unix:" + at("db.sock"), "--pidfile=" + at("sw.pid"), "--unixctl=" + at("sw.ctl"),
                     "--log-file=" + at("sw.log"), "--disable-system", "--detach", "--no-chdir"}));
    result->switch_pid_ = read_pid(at("sw.pid"));
    TRY(result->vsctl({"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                       "other-config:hwaddr=" + hwaddr, "fail-mode=standalone"}));
    result->control_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, at("sw.ctl").c_str(), sizeof address.sun_path - 1);
    if (::connect(result->control_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address)) {
        return make_errno_error(errno, "{}", at("sw.ctl"));
    }
    return result;
}

StockSwitch::~StockSwitch() {
    end_process(switch_pid_);
    end_process(database_pid_);
}

Status StockSwitch::add_port(const std::string& name) {
    TRY(vsctl({"add-port", "br0", name}));
    return {};
}

Result<std::string> StockSwitch::vsctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"ovs-vsctl", "--timeout=20", "--db=unix:" + directory_ + "/db.sock"});
    return run(std::move(arguments));
}

Result<std::string> StockSwitch::appctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"ovs-appctl", "--timeout=20", "-t", directory_ + "/sw.ctl"});
    return run(std::move(arguments));
}

Status StockSwitch::round_trip() {
    static constexpr std::string_view request = R"({"id":1,"method":"version","params":[]})";
    char answer[512];
    if (::write(control_.get(), request.data(), request.size()) != static_cast<ssize_t>(request.size()) ||
        ::read(control_.get(), answer, sizeof answer) <= 0) {
        return make_errno_error(errno, "control socket of process {}", switch_pid_);
    }
    return {};
}

Status enable_ipv6(const std::string& device) {
    TRY(datapath::exchange_setting("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6", "0"));
    return {};
}

Result<std::unique_ptr<Hosts>> Hosts::make(int count, const HostsOptions& options) {
    std::unique_ptr<Hosts> hosts(new Hosts);
    datapath::Links links = TRY(datapath::Links::open());
    for (int i = 1; i <= count; i++) {
        hosts->hosts_.push_back(TRY(datapath::NamedNamespace::create(fmt::format("/run/netns/h{}", i))));
        const std::string path = hosts->path(i), port = fmt::format("p{}", i);
        Fd ns = TRY(datapath::open_namespace(path));
        const std::string queues = std::to_string(options.queues);
        TRY(run_checked({"ip", "link", "add", port, "mtu", "9000", "numrxqueues", queues, "numtxqueues", queues, "type", "veth", "peer",
                         "eth0", "mtu", "9000", "numrxqueues", queues, "numtxqueues", queues, "netns", path}));
        TRY(datapath::disable_ipv6(port));
        TRY(links.change(port, {.up = true, .mtu = {}, .tx_queue_length = {}}));
        ProgramOptions inside;
        inside.network_namespace = path;
        TRY(run_checked({"ip", "address", "add", fmt::format("10.9.{}.{}/16", i / 250, i % 250), "dev", "eth0"}, inside));
        TRY(datapath::in_namespace(ns.get(), [] { return enable_ipv6("eth0"); }));
        TRY(run_checked({"ip", "address", "add", fmt::format("fd09::{}/64", i), "dev", "eth0", "nodad"}, inside));
        TRY(run_checked({"ip", "link", "set", "eth0", "up"}, inside));
        if (!options.offloads) {   // as everybody must with the userspace datapath: it does not complete checksums
            TRY(datapath::in_namespace(ns.get(), [] { return datapath::disable_tx_offload("eth0"); }));
        }
    }
    return hosts;
}

Result<std::unique_ptr<Traffic>> Traffic::start(std::vector<Stream> streams, uint16_t port) {
    std::unique_ptr<Traffic> traffic(new Traffic);
    for (auto& stream : streams) {
        auto line = std::make_unique<Line>();
        if (stream.vlan) {
            line->sender = TRY(frame_socket(stream.from_namespace));
            line->receiver = TRY(frame_socket(stream.to_namespace));
            line->stream = std::move(stream);
            traffic->lines_.push_back(std::move(line));
            continue;
        }
        line->sender = TRY(udp_socket(stream.from_namespace));
        line->receiver = TRY(udp_socket(stream.to_namespace));
        auto to = address(stream.to_ip, port), from = address(stream.from_ip, port);
        if (::bind(line->receiver.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) ||
            ::bind(line->sender.get(), reinterpret_cast<sockaddr*>(&from), sizeof from) ||
            ::connect(line->sender.get(), reinterpret_cast<sockaddr*>(&to), sizeof to)) {
            return make_errno_error(errno, "stream {} -> {}", stream.from_ip, stream.to_ip);
        }
        line->stream = std::move(stream);
        traffic->lines_.push_back(std::move(line));
        port++;
    }
    traffic->receiver_ = std::thread([t = traffic.get()] { t->receive(); });
    traffic->sender_ = std::thread([t = traffic.get()] { t->send(); });
    return traffic;
}

void Traffic::send() {
    ::prctl(PR_SET_TIMERSLACK, 1000);
    char buffer[65536] = {};
    auto start = Clock::now();
    while (sending_) {
        std::chrono::duration<double> since = Clock::now() - start;
        for (auto& line : lines_) {
            uint64_t due = static_cast<uint64_t>(since.count() * line->stream.packets_per_second);
            // A sender that was not scheduled must not make up for it with a burst that no queue takes.
            for (int burst = 0; line->sent < due && burst < 16; burst++) {
                Packet packet = {line->sent, now_ns()};
                size_t header = 0;
                if (line->stream.vlan) {
                    std::string head = frame_head(line->stream);
                    header = head.size();
                    std::memcpy(buffer, head.data(), header);
                }
                std::memcpy(buffer + header, &packet, sizeof packet);
                if (::send(line->sender.get(), buffer, line->stream.size, 0) < 0) {
                    break;
                }
                line->sent++;
            }
        }
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
}

void Traffic::receive_line(Line& line) {
    char buffer[65536];
    for (;;) {
        Packet packet;
        if (line.stream.vlan) {
            ssize_t n = receive_tagged(line.receiver.get(), line.stream, packet);
            if (n == 0) {
                continue;
            } else if (n < 0) {
                return;
            }
        } else {
            if (::recv(line.receiver.get(), buffer, sizeof buffer, 0) < static_cast<ssize_t>(sizeof packet)) {
                return;
            }
            std::memcpy(&packet, buffer, sizeof packet);
        }
        line.arrived.push_back(packet.number);
        line.longest_delay = std::max(line.longest_delay, std::chrono::nanoseconds(now_ns() - packet.sent_ns));
    }
}

void Traffic::receive() {
    std::vector<pollfd> fds;
    for (auto& line : lines_) {
        fds.push_back({line->receiver.get(), POLLIN, 0});
    }
    while (receiving_) {
        ::poll(fds.data(), fds.size(), 10);
        for (auto& line : lines_) {
            receive_line(*line);
        }
    }
}

std::vector<Traffic::Count> Traffic::stop() {
    sending_ = false;
    sender_.join();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    receiving_ = false;
    receiver_.join();
    std::vector<Count> counts;
    for (auto& line : lines_) {
        Count count = count_arrivals(line->sent, line->arrived);
        count.longest_delay = std::chrono::duration_cast<std::chrono::microseconds>(line->longest_delay);
        counts.push_back(count);
    }
    return counts;
}

Result<std::unique_ptr<Burst>> Burst::send(const Traffic::Stream& stream, uint64_t packets) {
    std::unique_ptr<Burst> burst(new Burst);
    burst->sender_ = TRY(udp_socket(stream.from_namespace));
    burst->receiver_ = TRY(udp_socket(stream.to_namespace));
    int bytes = 1 << 30;   // all of them, in case nobody reads meanwhile
    auto from = address(stream.from_ip, 6999), to = address(stream.to_ip, 6999);
    if (::setsockopt(burst->receiver_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) ||
        ::bind(burst->receiver_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) ||
        ::bind(burst->sender_.get(), reinterpret_cast<sockaddr*>(&from), sizeof from) ||
        ::connect(burst->sender_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to)) {
        return make_errno_error(errno, "burst {} -> {}", stream.from_ip, stream.to_ip);
    }
    char payload[64] = {};
    while (burst->sent_ < packets) {
        std::memcpy(payload, &burst->sent_, sizeof burst->sent_);
        if (::send(burst->sender_.get(), payload, sizeof payload, 0) == sizeof payload) {
            burst->sent_++;
        } else if (errno != EAGAIN && errno != ENOBUFS) {
            return make_errno_error(errno, "burst {} -> {}", stream.from_ip, stream.to_ip);
        }
    }
    return burst;
}

Traffic::Count Burst::stop() {
    pollfd request = {receiver_.get(), POLLIN, 0};
    while (::poll(&request, 1, 500) > 0) {
        uint64_t number;
        while (::recv(receiver_.get(), &number, sizeof number, 0) == sizeof number) {
            arrived_.push_back(number);
        }
    }
    return count_arrivals(sent_, arrived_);
}

Traffic::~Traffic() {
    if (sender_.joinable()) {
        stop();
    }
}

Traffic::Count count_arrivals(uint64_t sent, const std::vector<uint64_t>& arrived) {
    Traffic::Count count;
    count.sent = sent;
    count.received = arrived.size();
    std::vector<bool> seen(sent);
    uint64_t highest = 0;
    for (uint64_t number : arrived) {
        if (number >= sent || seen[number]) {
            count.duplicated++;
            continue;
        }
        seen[number] = true;
        count.reordered += number < highest;
        highest = std::max(highest, number);
    }
    count.lost = static_cast<uint64_t>(std::count(seen.begin(), seen.end(), false));
    count.first_lost = static_cast<uint64_t>(std::find(seen.begin(), seen.end(), false) - seen.begin());
    return count;
}

}  // namespace hitless::test
