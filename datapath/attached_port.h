// One port under steering: its leg, its hold and the programs on all of them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "datapath/attachment.h"
#include "datapath/hold.h"
#include "datapath/links.h"
#include "datapath/programs.h"
#include "datapath/steering.h"

namespace hitless::datapath {

// What all ports of a Steering have in common.
struct SteeringContext {
    SteeringOptions options;
    Programs programs;
    Links a_links, b_links;
    Fd b_namespace;
    TcMethod tc_method;
};

// The devices that a Steering with 'prefix' makes for its port number 'index'.
std::string leg_name(const std::string& prefix, uint32_t index);        // root end, in A's namespace
std::string hold_name(const std::string& prefix, uint32_t index);       // in A's namespace
std::string tap_leg_name(const std::string& prefix, uint32_t index);    // far end of a tap port's leg, in B's namespace

class AttachedPort {
  public:
    // Input of the port is steered when this returns. On failure nothing of it stays.
    static Result<std::unique_ptr<AttachedPort>> attach(SteeringContext& context, const Port& port, uint32_t index);

    // Takes over the port that 'entry' says of, which a process that is gone had attached; what it had held is lost. On failure all
    // of it stays as it is.
    static Result<std::unique_ptr<AttachedPort>> adopt(SteeringContext& context, const Port& port, const steer_port& entry);

    AttachedPort(const AttachedPort&) = delete;
    AttachedPort& operator=(const AttachedPort&) = delete;
    ~AttachedPort();

    // For a tap port: joins its leg with B's tap of the same name. Again after B made the tap anew.
    Status stitch();

    // Takes everything off 'ports', of one context, and removes their devices. Goes on after a failure; returns the first.
    static Status detach(std::span<const std::unique_ptr<AttachedPort>> ports);
    // Leaves the programs and the leg where they are; the hold ends.
    void abandon();

    const Port& port() const { return port_; }
    uint32_t index() const { return index_; }
    Hold& hold() { return *hold_; }
    bool leg_up() const;

    // Packets that the side has ever read from its tap (of a tap port), and that the tap's queue has room for.
    uint64_t read_from_tap(Side side) const;
    uint32_t tap_queue_length(Side side) const { return side == Side::A ? device_.tx_queue_length : b_queue_length_; }

    // Packets that the hold's queue had no room for since the last call.
    uint64_t take_new_drops();
    // Packets that were refused because all holds together had no room, since the last call.
    uint64_t take_new_refused();
    // Packets lost in the hold since attach().
    uint64_t dropped() const { return dropped_; }
    void add_dropped(uint64_t packets) { dropped_ += packets; }

  private:
    AttachedPort(SteeringContext& context, const Port& port, uint32_t index)
        : context_(context), port_(port), index_(index) {}

    Status make_leg();
    Status make_hold();
    Status take_over(const steer_port& entry);
    void take_over_stitch();
    std::string b_pin(const char* name) const;
    Status put_programs();
    Status put(int program, const std::string& device, unsigned ifindex, Hook hook, const char* pin);
    Status put_in_b(int program, const std::string& device, unsigned ifindex, Hook hook, const char* pin);
    void take_off_in_b();
    std::vector<std::string> devices() const;
    Status take_off();
    void forget_devices();
    std::string far_name() const;

    SteeringContext& context_;
    Port port_;
    uint32_t index_;
    LinkInfo device_;                               // the port, as it was before
    steer_port entry_{};
    std::optional<Hold> hold_;
    std::vector<Attachment> attachments_;           // taken off in reverse order
    std::vector<Attachment> b_attachments_;         // in B's namespace: the stitch of a tap port; the end of another's leg
    std::vector<unsigned> stitched_;
    uint32_t b_queue_length_ = 0;                   // of B's tap, of a tap port that is stitched
    bool attached_ = false;
    bool adopting_ = false;                         // what is there is taken over
    uint64_t queue_drops_ = 0, dropped_ = 0, refused_ = 0;
};

}  // namespace hitless::datapath
