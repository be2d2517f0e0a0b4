// An OpenFlow session with one bridge, over its management socket (BRIDGE.mgmt).
//
// Seam over lib/vconn.c and lib/ofp-*.c of libopenvswitch. Blocking, one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace hitless::openflow {

// One OpenFlow message as on the wire, header included.
using Message = std::vector<uint8_t>;

// An action list to run on one packet (OFPT_PACKET_OUT).
struct PacketOut {
    uint32_t in_port;              // OpenFlow port number, OpenFlow 1.1+ reserved values (OFPP_LOCAL is 0xfffffffe)
    std::vector<uint8_t> packet;   // Ethernet frame, without FCS
    std::string actions;           // syntax of ovs-actions(7)
};

// Some things only the oldest version shows.
enum class Version : uint8_t { openflow10 = 1, openflow15 = 6 };

class Connection {
  public:
    // Connects to the Unix domain socket at 'path' and agrees on 'version', of which all messages must be. 'name' is what errors call the bridge. A switch
    // that neither takes nor says anything for 'limit' is given up, here and in every other call.
    static Result<Connection> open(const std::string& path, const std::string& name,
                                   std::chrono::milliseconds limit = std::chrono::seconds(10),
                                   Version version = Version::openflow15);
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;
    ~Connection();

    // Sends 'messages' (their transaction ids are set here) in order and waits until the switch has dealt with all of them
    // (barrier). The switch's refusals are an Error that names the first of them.
    Status send(std::span<const Message> messages);

    // Sends 'messages', of which there may be none, as one atomic, ordered bundle: all are carried out, or none and an Error. Not in
    // OpenFlow 1.0.
    Status send_bundle(std::span<const Message> messages);

    // Sends 'request' and returns its reply; for a multipart request, all parts.
    Result<std::vector<Message>> request(const Message& request);

    // The same for many, of which no more than 'at_once' are unanswered at any time. Each part of a reply is given to 'take' when it
    // comes: request by request, in order. An Error of 'take' is returned when all has come. 'all_at_once': of small ones.
    static constexpr size_t all_at_once = SIZE_MAX;
    using Take = std::function<Status(size_t request, std::span<const uint8_t> part)>;
    Status requests(std::span<const Message> requests, size_t at_once, const Take& take);

    // Called, during any of the calls here, with every message that answers none of our requests (flow monitor updates,
    // forwarded requests). send({}) waits for what the switch has said up to now.
    using EventHandler = std::function<void(std::span<const uint8_t> message)>;
    void on_event(EventHandler handler);

    // Runs 'packets' one after the other, each to its end before the next, and waits for the last.
    Status packet_outs(std::span<const PacketOut> packets);

    // Whether the switch is left alone after each answer to a request() for as long as it took, and asked one thing at a time: it forwards
    // meanwhile what has come while it worked on that. Small ones count as one. False at first.
    void give_time(bool give);

    // The longest that the switch was silent while it owed the answer to a request(), since the last call of this.
    std::chrono::microseconds take_longest_request();

    const std::string& name() const;

    // False once the session has broken: open another.
    bool usable() const;

  private:
    struct Session;   // holds the vconn
    explicit Connection(std::unique_ptr<Session>);
    std::unique_ptr<Session> session_;
};

}  // namespace hitless::openflow
