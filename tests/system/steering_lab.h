// What steering_test.cc needs around the steering: hosts, two stock switches, traffic that is counted.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "datapath/b_namespace.h"
#include "datapath/process_sockets.h"

namespace hitless::test {

// A stock ovs-vswitchd with its ovsdb-server, in a directory and a network namespace ("" is ours), with one bridge br0 of the
// userspace datapath. Ends with the object.
class StockSwitch {
  public:
    // 'settings' are columns of the table Open_vSwitch, from the start on: "other_config:KEY=VALUE".
    static Result<std::unique_ptr<StockSwitch>> start(const std::string& directory, const std::string& network_namespace,
                                                      const std::string& hwaddr, const std::vector<std::string>& settings = {});
    ~StockSwitch();

    Status add_port(const std::string& name);
    Result<std::string> vsctl(std::vector<std::string> arguments);
    Result<std::string> appctl(std::vector<std::string> arguments);
    Status round_trip();        // one turn of its main loop, on a connection that is kept
    pid_t pid() const { return switch_pid_; }

  private:
    StockSwitch() = default;
    Result<std::string> run(std::vector<std::string> argv);
    std::string directory_, namespace_;
    pid_t database_pid_ = 0, switch_pid_ = 0;
    Fd control_;
};

// For a device of the calling thread's namespace: where the host's default is not to have it.
Status enable_ipv6(const std::string& device);

struct HostsOptions {
    int queues = 1;             // of each device, both ways
    bool offloads = false;      // hosts leave segmentation and checksums to the devices, which only userspace-tso can bear
};

// Hosts h1 (10.9.0.1, fd09::1), h2 (10.9.0.2, fd09::2)... behind ports p1, p2... with 9000 bytes of MTU on all.
class Hosts {
  public:
    static Result<std::unique_ptr<Hosts>> make(int count, const HostsOptions& options = {});
    std::string path(int number) const { return hosts_[static_cast<size_t>(number - 1)].path(); }

  private:
    Hosts() = default;
    std::vector<datapath::NamedNamespace> hosts_;
};

// Numbered UDP packets of several streams at once, each from one namespace to another.
class Traffic {
  public:
    struct Stream {
        std::string from_namespace, from_ip, to_namespace, to_ip;   // namespace "": ours; both of one version of IP
        size_t size = 64;
        double packets_per_second = 0;
        uint16_t vlan = 0;      // not 0: frames with this VLAN tag instead of UDP, from eth0 to eth0, neither IPv4 nor IPv6
        uint16_t inner_vlan = 0;    // not 0: that is the tag of the service provider (802.1ad), and this the customer's
    };
    struct Count {
        uint64_t sent = 0, received = 0, lost = 0, duplicated = 0, reordered = 0;
        uint64_t first_lost = 0;   // its number, from 0, if any is lost
        std::chrono::microseconds longest_delay{};
    };

    // Each has a port of its own, from 'port' on.
    static Result<std::unique_ptr<Traffic>> start(std::vector<Stream> streams, uint16_t port = 7000);
    ~Traffic();
    // Stops sending, waits for what is on its way, and counts, stream by stream.
    std::vector<Count> stop();

  private:
    struct Line {
        Stream stream;
        Fd sender, receiver;
        uint64_t sent = 0;
        std::vector<uint64_t> arrived;      // numbers, in the order of arrival
        std::chrono::nanoseconds longest_delay{};
    };
    Traffic() = default;
    void send();
    void receive();
    void receive_line(Line& line);
    std::vector<std::unique_ptr<Line>> lines_;
    std::atomic<bool> sending_{true}, receiving_{true};
    std::thread sender_, receiver_;
};

// Numbered UDP packets sent all at once, as fast as it goes.
class Burst {
  public:
    // Of the stream, only the ends matter. Returns when all are sent.
    static Result<std::unique_ptr<Burst>> send(const Traffic::Stream& stream, uint64_t packets);
    // Waits until nothing has arrived for a while.
    Traffic::Count stop();

  private:
    Burst() = default;
    Fd sender_, receiver_;
    uint64_t sent_ = 0;
    std::vector<uint64_t> arrived_;
};

// Bytes of a known pattern over one TCP connection, as fast as it goes. The client sends.
class TcpTransfer {
  public:
    struct Result {
        uint64_t bytes = 0;
        bool intact = false;            // all that was sent arrived, in order
        uint64_t retransmits = 0;       // segments
        uint16_t client_port = 0;
    };

    TcpTransfer(const std::string& client_namespace, const std::string& client_ip, const std::string& server_namespace,
                const std::string& server_ip, uint16_t port);
    ~TcpTransfer();
    uint16_t port() const { return port_; }
    // Stops sending, and waits until all is acknowledged; the connection stays until the object ends.
    hitless::Result<Result> stop();

  private:
    uint16_t port_;
    Fd listener_, client_, server_;
    std::atomic<bool> sending_{true};
    std::atomic<uint64_t> sent_{0}, received_{0};
    std::atomic<bool> intact_{true};
    std::string failure_;
    std::thread sender_, receiver_;
};

// Lost, duplicated and reordered, from the order of arrival of the numbers 0 to sent - 1.
Traffic::Count count_arrivals(uint64_t sent, const std::vector<uint64_t>& arrived);

}  // namespace hitless::test
