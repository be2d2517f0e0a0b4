#include "datapath/attached_port.h"

#include <algorithm>

#include "datapath/b_namespace.h"
#include "datapath/softnet.h"

namespace hitless::datapath {

namespace {

// Large segments pass a leg uncut; its far end has the port's MTU.
constexpr uint32_t leg_mtu = 65535;

// Packets that B's taps have room for: so many come while it works on the first packets of its flows.
constexpr uint32_t b_queue_length = 16384;

}  // namespace

std::string leg_name(const std::string& prefix, uint32_t index) { return fmt::format("{}l{}", prefix, index); }
std::string hold_name(const std::string& prefix, uint32_t index) { return fmt::format("{}h{}", prefix, index); }
std::string tap_leg_name(const std::string& prefix, uint32_t index) { return fmt::format("{}t{}", prefix, index); }

std::string AttachedPort::far_name() const {
    return port_.tap ? tap_leg_name(context_.options.prefix, index_) : port_.name;
}

Result<std::unique_ptr<AttachedPort>> AttachedPort::attach(SteeringContext& context, const Port& port, uint32_t index) {
    std::unique_ptr<AttachedPort> attached(new AttachedPort(context, port, index));
    auto device = context.a_links.get(port.name);
    if (!device.ok()) {
        return ("port " + port.name) / device.error();
    }
    attached->device_ = *device;
    context.programs.clear_counters(index);
    auto status = attached->make_leg();
    if (status.ok()) {
        status = attached->put_programs();
    }
    if (!status.ok()) {
        return ("port " + port.name) / status.error();
    }
    return attached;
}

Status AttachedPort::make_leg() {
    const std::string near = leg_name(context_.options.prefix, index_), far = far_name();
    Links::Peer peer = {.name = far, .namespace_fd = context_.b_namespace.get(), .mac = {}, .mtu = device_.mtu};
    if (!port_.tap) {
        peer.mac = device_.mac;   // B must have the same address, e.g. as that of its LOCAL port
    }
    TRY(context_.a_links.make_pair(near, leg_mtu, peer));
    attached_ = true;   // from here on there is something to detach
    TRY(disable_ipv6(near));
    TRY(in_namespace(context_.b_namespace.get(), [&] { return disable_ipv6(far); }));
    if (port_.tap) {
        // The host's stack leaves the checksum to the device, and B's tap takes only complete packets.
        TRY(disable_tx_offload(near));
    }
    TRY(context_.b_links.change(far, {.up = true, .mtu = {}, .tx_queue_length = {}}));
    TRY(context_.a_links.change(near, {.up = true, .mtu = {}, .tx_queue_length = {}}));
    TRY(make_hold());
    entry_ = {.index = index_,
              .port_ifindex = device_.ifindex,
              .leg_ifindex = TRY(context_.a_links.get(near)).ifindex,
              .hold_ifindex = hold_->ifindex(),
              .tap = port_.tap,
              .reserved = 0};
    return {};
}

Status AttachedPort::make_hold() {
    hold_ = TRY(Hold::make(hold_name(context_.options.prefix, index_), context_.options.hold_packets_per_port,
                           context_.a_links));
    return {};
}

Result<std::unique_ptr<AttachedPort>> AttachedPort::adopt(SteeringContext& context, const Port& port,
                                                          const steer_port& entry) {
    std::unique_ptr<AttachedPort> adopted(new AttachedPort(context, port, entry.index));
    if (auto status = adopted->take_over(entry); !status.ok()) {
        adopted->abandon();
        return ("port " + port.name) / status.error();
    }
    adopted->attached_ = true;
    return adopted;
}

// The hold ended with its process, and with it the programs on it: it is made anew, and the port's entry names the new one.
Status AttachedPort::take_over(const steer_port& entry) {
    adopting_ = true;
    device_ = TRY(context_.a_links.get(port_.name));
    TRY(make_hold());
    entry_ = entry;
    entry_.hold_ifindex = hold_->ifindex();
    uint64_t held = context_.programs.held(index_);
    steer_counters counters = context_.programs.read_counters(index_);
    dropped_ = held - counters.released;
    refused_ = counters.refused;
    context_.programs.set_released(index_, held);
    TRY(put_programs());
    context_.programs.remove_port(entry.hold_ifindex);
    take_over_stitch();
    return {};
}

// Where it is not whole, stitch() makes it anew.
void AttachedPort::take_over_stitch() {
    auto tap = context_.b_links.get(port_.name);
    auto leg = context_.b_links.get(far_name());
    if (!port_.tap || !tap || !leg || !context_.programs.stitched(leg->ifindex, tap->ifindex)) {
        return;
    }
    static_cast<void>(in_namespace(context_.b_namespace.get(), [&]() -> Status {
        for (const auto& [place, pin] : {std::pair{AttachmentPlace{tap->name, tap->ifindex, Hook::egress}, "b_out"},
                                         {AttachmentPlace{leg->name, leg->ifindex, Hook::ingress}, "stitch_leg"},
                                         {AttachmentPlace{tap->name, tap->ifindex, Hook::ingress}, "stitch_tap"}}) {
            b_attachments_.push_back(TRY(Attachment::adopt(place, context_.tc_method, b_pin(pin))));
        }
        return {};
    }).ok());
    stitched_ = {leg->ifindex, tap->ifindex};
    b_queue_length_ = tap->tx_queue_length;
}

// A filter in B's namespace ends with it: nothing to find later.
std::string AttachedPort::b_pin(const char* name) const {
    return context_.tc_method == TcMethod::clsact ? ""
           : fmt::format("{}/link_{}_{}", context_.options.bpf_directory, index_, name);
}

Status AttachedPort::put(int program, const std::string& device, unsigned ifindex, Hook hook, const char* pin) {
    AttachmentPlace place = {device, ifindex, hook};
    std::string path = fmt::format("{}/link_{}_{}", context_.options.bpf_directory, index_, pin);
    if (adopting_) {
        if (auto there = Attachment::adopt(place, context_.tc_method, path)) {
            attachments_.push_back(std::move(*there));
            return {};
        }
    }
    attachments_.push_back(TRY(Attachment::make(program, place, context_.tc_method, path)));
    return {};
}

Status AttachedPort::put_in_b(int program, const std::string& device, unsigned ifindex, Hook hook, const char* pin) {
    AttachmentPlace place = {device, ifindex, hook};
    return in_namespace(context_.b_namespace.get(), [&]() -> Status {
        if (adopting_) {
            if (auto there = Attachment::adopt(place, context_.tc_method, b_pin(pin))) {
                b_attachments_.push_back(std::move(*there));
                return {};
            }
        }
        b_attachments_.push_back(TRY(Attachment::make(program, place, context_.tc_method, b_pin(pin))));
        return {};
    });
}

// In an order that never sends a packet to where nothing is ready: input comes last.
Status AttachedPort::put_programs() {
    Programs& programs = context_.programs;
    for (unsigned ifindex : {entry_.port_ifindex, entry_.leg_ifindex, entry_.hold_ifindex}) {
        TRY(programs.put_port(ifindex, entry_));
        if (adopting_) {   // the kernel uses the old entry's memory for the next one: not while a program reads it
            TRY(wait_for_cpus());
        }
    }
    const std::string leg = leg_name(context_.options.prefix, index_);
    TRY(put(programs.hold_out(), hold_->name(), entry_.hold_ifindex, Hook::egress, "hold_out"));
    TRY(put(programs.hold_in(), hold_->name(), entry_.hold_ifindex, Hook::ingress, "hold_in"));
    TRY(put(programs.leg_in(), leg, entry_.leg_ifindex, Hook::ingress, "leg_in"));
    if (port_.tap) {
        TRY(put(programs.tap_in(), port_.name, entry_.port_ifindex, Hook::ingress, "out"));
        TRY(put(programs.tap_out(), port_.name, entry_.port_ifindex, Hook::egress, "in"));
    } else {
        TRY(put(programs.port_out(), port_.name, entry_.port_ifindex, Hook::egress, "out"));
        unsigned far = TRY(context_.b_links.get(port_.name)).ifindex;
        TRY(put_in_b(programs.b_in(), port_.name, far, Hook::ingress, "b_in"));
        TRY(put(programs.port_in(), port_.name, entry_.port_ifindex, Hook::ingress, "rest"));
        TRY(put(programs.port_xdp(), port_.name, entry_.port_ifindex, Hook::xdp, "in"));
    }
    return {};
}

Status AttachedPort::stitch() {
    if (!port_.tap) {
        return {};
    }
    const std::string far = far_name();
    auto tap = context_.b_links.get(port_.name);
    if (!tap.ok()) {
        return make_error("port {}: the standby has not made its tap yet: {}", port_.name, tap.error().message);
    }
    unsigned leg_ifindex = TRY(context_.b_links.get(far)).ifindex;
    if (b_attachments_.size() == 3 && stitched_ == decltype(stitched_){leg_ifindex, tap->ifindex}) {
        return {};   // packets pass there now
    }
    take_off_in_b();
    // Nothing passes there yet. A queueing discipline would get as long a queue, thrice, all cleared at one time (pfifo_fast).
    TRY(context_.b_links.set_no_queue(port_.name));
    b_queue_length_ = std::max(tap->tx_queue_length, b_queue_length);
    TRY(context_.b_links.change(port_.name, {.up = true, .mtu = {}, .tx_queue_length = b_queue_length_}));
    TRY(context_.programs.put_stitch(leg_ifindex, tap->ifindex));
    TRY(context_.programs.put_stitch(tap->ifindex, leg_ifindex));
    stitched_ = {leg_ifindex, tap->ifindex};
    Programs& programs = context_.programs;
    TRY(put_in_b(programs.b_out(), port_.name, tap->ifindex, Hook::egress, "b_out"));
    TRY(put_in_b(programs.stitch(), far, leg_ifindex, Hook::ingress, "stitch_leg"));
    return put_in_b(programs.stitch(), port_.name, tap->ifindex, Hook::ingress, "stitch_tap");
}

void AttachedPort::take_off_in_b() {
    static_cast<void>(in_namespace(context_.b_namespace.get(), [&]() -> Status {
        b_attachments_.clear();
        return {};
    }).ok());
    for (unsigned ifindex : stitched_) {
        context_.programs.remove_stitch(ifindex);
    }
    stitched_.clear();
}

// Unless it was detached, or abandoned: takes away what was begun.
AttachedPort::~AttachedPort() {
    if (attached_) {
        static_cast<void>(take_off().ok());
        static_cast<void>(context_.a_links.remove(devices()).ok());
        forget_devices();
    }
}

std::vector<std::string> AttachedPort::devices() const {
    return {leg_name(context_.options.prefix, index_), hold_name(context_.options.prefix, index_)};
}

// What is left are its devices.
Status AttachedPort::take_off() {
    Status first;
    for (; !attachments_.empty(); attachments_.pop_back()) {
        if (auto status = attachments_.back().detach(); !status.ok() && first.ok()) {
            first = ("port " + port_.name) / status.error();
        }
    }
    if (!b_attachments_.empty()) {
        take_off_in_b();
    }
    return first;
}

void AttachedPort::forget_devices() {
    hold_.reset();
    for (unsigned ifindex : {entry_.port_ifindex, entry_.leg_ifindex, entry_.hold_ifindex}) {
        context_.programs.remove_port(ifindex);
    }
    attached_ = false;
}

Status AttachedPort::detach(std::span<const std::unique_ptr<AttachedPort>> ports) {
    Status first;
    std::vector<std::string> devices;
    for (const auto& port : ports) {
        if (auto status = port->take_off(); !status.ok() && first.ok()) {
            first = status;
        }
        std::ranges::move(port->devices(), std::back_inserter(devices));
    }
    if (!ports.empty()) {
        if (auto status = ports.front()->context_.a_links.remove(devices); !status.ok() && first.ok()) {
            first = status;
        }
    }
    for (const auto& port : ports) {
        port->forget_devices();
    }
    return first;
}

void AttachedPort::abandon() {
    attached_ = false;
    for (auto& attachment : attachments_) {
        attachment.release();
    }
    for (auto& attachment : b_attachments_) {
        attachment.release();
    }
}

uint64_t AttachedPort::read_from_tap(Side side) const {
    auto tap = (side == Side::A ? context_.a_links : context_.b_links).get(port_.name);
    return tap.ok() ? tap->tx_packets : 0;
}

uint64_t AttachedPort::take_new_drops() {
    auto drops = hold_->dropped(context_.a_links);
    return drops.ok() ? *drops - std::exchange(queue_drops_, *drops) : 0;
}

uint64_t AttachedPort::take_new_refused() {
    uint64_t refused = context_.programs.read_counters(index_).refused;
    return refused - std::exchange(refused_, refused);
}

bool AttachedPort::leg_up() const {
    auto leg = context_.a_links.get(leg_name(context_.options.prefix, index_));
    return leg.ok() && leg->up && leg->running && !b_attachments_.empty();
}

}  // namespace hitless::datapath
