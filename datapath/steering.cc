#include "datapath/steering.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "datapath/attached_port.h"
#include "datapath/b_namespace.h"
#include "datapath/host_sender.h"
#include "datapath/release.h"
#include "datapath/softnet.h"

namespace hitless::datapath {

namespace {

using Clock = std::chrono::steady_clock;

// How long packets may stay in a CPU's queue before a hand-over is refused as too dangerous.
constexpr auto softnet_limit = std::chrono::milliseconds(20);

constexpr auto release_limit = std::chrono::seconds(1);

std::vector<std::filesystem::path> pins_in(const std::string& bpf_directory) {
    std::error_code error;
    std::vector<std::filesystem::path> pins;
    for (const auto& entry : std::filesystem::directory_iterator(bpf_directory, error)) {
        pins.push_back(entry.path());
    }
    return pins;
}

// Takes off what is pinned there, but for maps. The kernel puts files of its own into each bpffs: those stay.
void remove_pin(const std::filesystem::path& pin) {
    std::string name = pin.filename();
    if (name.starts_with("link_")) {
        detach_pinned(pin);
    } else if (name.starts_with("filter_")) {
        remove_filter(pin);
    }
}

// Up to so many ports have a queue of the full length.
constexpr size_t ports_of_full_queue = 32;

uint64_t side_bits(Side side) { return side == Side::B ? STEER_SIDE_B : 0; }

// Of its programs that forward, all but those on its hold.
bool is_pin_of(const steer_port& port, const std::string& name) {
    std::string link = fmt::format("link_{}_", port.index);
    return (name.starts_with(link) && !name.starts_with(link + "hold_")) || name.starts_with(fmt::format("filter_{}_", port.port_ifindex)) ||
           name.starts_with(fmt::format("filter_{}_", port.leg_ifindex));
}

// Removes the pins, filters and devices that belong to none of 'ports', and what was on their holds, which ended with their process.
Status remove_pieces(const SteeringOptions& options, Links& devices, const std::vector<steer_port>& ports) {
    std::set<std::string> wanted_devices;
    for (const auto& port : ports) {
        wanted_devices.insert(leg_name(options.prefix, port.index));
    }
    for (const auto& pin : pins_in(options.bpf_directory)) {
        std::string name = pin.filename();
        if (std::ranges::none_of(ports, [&](const auto& port) { return is_pin_of(port, name); })) {
            remove_pin(pin);
        }
    }
    const std::regex ours(options.prefix + "[lh][0-9]+");
    std::vector<std::string> unwanted;
    for (const auto& device : TRY(devices.list())) {
        if (std::regex_match(device.name, ours) && !wanted_devices.contains(device.name)) {
            unwanted.push_back(device.name);
        }
    }
    return devices.remove(unwanted);
}

class KernelSteering : public Steering {
  public:
    explicit KernelSteering(SteeringOptions options) : options_(std::move(options)) {}
    ~KernelSteering() override {
        for (auto& port : ports_) {
            port->abandon();
        }
    }

    Status adopt();
    Status attach(std::span<const Port> ports) override;
    Status stitch() override;
    Status add_port(const Port& port) override;
    Status remove_port(const std::string& name) override;
    Status halt(std::chrono::milliseconds deadline) override;
    Result<bool> settle() override;
    uint64_t taken_by_both() const override { return context_ ? context_->programs.to_both() : 0; }
    Status halt_changes(std::chrono::milliseconds deadline) override;
    double hold_fill() const override;
    void set_receiver(Side side, HasRoom has_room) override { receivers_[side] = std::move(has_room); }
    Result<ReleaseReport> release(Side to) override;
    Bond bond() const override;
    Status learn_tcp(bool on) override;
    std::optional<LearnedTcp> learned(const TcpDirection& direction) const override {
        return context_ ? context_->programs.learned(direction) : std::nullopt;
    }
    Status watch() override;
    Result<Watched> watched() override;
    uint64_t changes() const override { return context_ ? context_->programs.changes() : 0; }
    Result<bool> send_to_host(const std::array<uint8_t, 16>& host, std::span<const uint8_t> packet) override;
    Status detach_all() override;

  private:
    Status prepare(Result<Programs> (*programs)(const std::string&));
    void share_queues(size_t ports);
    void set_word(uint64_t mode, Side side);
    Status begin_halt(uint64_t mode, std::chrono::milliseconds deadline);
    Status hold(uint64_t mode);
    Status wait_for_deliveries() const;
    uint64_t given_to_b() const;
    bool extend_halt();

    SteeringOptions options_;
    std::optional<SteeringContext> context_;   // only while attached
    std::vector<std::unique_ptr<AttachedPort>> ports_;
    Side active_ = Side::A;
    uint64_t mode_ = STEER_DIRECT;
    bool halted_ = false, learning_ = false, watching_ = false;
    bool settled_ = false;          // in the halt: what B has sent has gone out
    uint64_t given_to_b_ = 0;       // packets, when the halt began or was settled last
    Fd sender_;   // opened when first needed
    Clock::time_point halted_at_, deadline_;
    std::map<Side, HasRoom> receivers_;
};

Status KernelSteering::prepare(Result<Programs> (*get_programs)(const std::string&)) {
    Fd b_namespace = TRY(open_namespace(options_.b_namespace));
    Links a_links = TRY(Links::open());
    Links b_links = TRY(in_namespace(b_namespace.get(), [] { return Links::open(); }));
    Programs programs = TRY(get_programs(options_.bpf_directory));
    TcMethod method = options_.tc_method == TcMethod::automatic ? best_tc_method(programs.hold_out()) : options_.tc_method;
    context_.emplace(SteeringContext{options_, std::move(programs), std::move(a_links), std::move(b_links),
                                     std::move(b_namespace), method});
    return {};
}

void KernelSteering::share_queues(size_t ports) {
    uint32_t& queue = context_->options.hold_packets_per_port;
    if (ports > ports_of_full_queue) {
        queue = std::max<uint32_t>(1, static_cast<uint32_t>(queue * ports_of_full_queue / ports));
    }
}

Status KernelSteering::attach(std::span<const Port> ports) {
    if (context_) {
        return make_error("steering: attached already");
    }
    TRY(prepare(&Programs::load));
    share_queues(ports.size());
    for (const Port& port : ports) {
        if (auto status = add_port(port); !status.ok()) {
            static_cast<void>(detach_all().ok());
            return status;
        }
    }
    return {};
}

Status KernelSteering::adopt() {
    TRY(prepare(&Programs::adopt));
    uint64_t word = context_->programs.word();
    active_ = word & STEER_SIDE_B ? Side::B : Side::A;
    learning_ = word & STEER_LEARN;
    set_word(STEER_DIRECT, active_);   // nobody is left to end a halt
    TRY(wait_for_cpus());
    std::map<unsigned, std::string> devices;   // by ifindex
    for (const auto& device : TRY(context_->a_links.list())) {
        devices[device.ifindex] = device.name;
    }
    std::vector<steer_port> whole;
    for (const auto& port : context_->programs.ports()) {
        if (devices.contains(port.port_ifindex) && devices.contains(port.leg_ifindex)) {
            whole.push_back(port);
        } else {
            for (unsigned ifindex : {port.port_ifindex, port.leg_ifindex, port.hold_ifindex}) {
                context_->programs.remove_port(ifindex);
            }
        }
    }
    TRY(remove_pieces(options_, context_->a_links, whole));
    share_queues(whole.size());
    for (const auto& port : whole) {
        ports_.push_back(TRY(AttachedPort::adopt(*context_, {devices[port.port_ifindex], port.tap != 0}, port)));
    }
    return {};
}

Status KernelSteering::stitch() {
    Status first;
    for (auto& port : ports_) {
        if (auto status = port->stitch(); !status.ok() && first.ok()) {
            first = status;
        }
    }
    return first;
}

Status KernelSteering::add_port(const Port& port) {
    if (!context_) {
        return make_error("port {}: steering is not attached", port.name);
    }
    if (halted_) {
        return make_error("port {}: cannot be added in a halt", port.name);
    }
    // The lowest free number.
    uint32_t index = 0;
    auto taken = [&](uint32_t number) {
        return std::any_of(ports_.begin(), ports_.end(), [&](auto& other) { return other->index() == number; });
    };
    while (taken(index)) {
        index++;
    }
    if (index >= STEER_MAX_PORTS) {
        return make_error("port {}: more than {} ports", port.name, static_cast<int>(STEER_MAX_PORTS));
    }
    ports_.push_back(TRY(AttachedPort::attach(*context_, port, index)));
    return {};
}

Status KernelSteering::remove_port(const std::string& name) {
    auto port = std::find_if(ports_.begin(), ports_.end(), [&](auto& other) { return other->port().name == name; });
    if (port == ports_.end()) {
        return make_error("port {}: not under steering", name);
    }
    if (halted_) {
        return make_error("port {}: cannot be removed in a halt", name);
    }
    Status status = AttachedPort::detach(std::span(&*port, 1));
    ports_.erase(port);
    return status;
}

void KernelSteering::set_word(uint64_t mode, Side side) {
    mode_ = mode;
    context_->programs.set_word(mode | side_bits(side) | (learning_ ? STEER_LEARN : 0) | (watching_ ? STEER_WATCH : 0));
}

Status KernelSteering::halt(std::chrono::milliseconds deadline) {
    if (!context_ || (halted_ && mode_ != STEER_PARTIAL)) {
        return make_error("halt: {}", halted_ ? "halted already" : "steering is not attached");
    }
    if (!halted_) {
        return begin_halt(STEER_HOLD, deadline);
    }
    if (Clock::now() >= deadline_) {
        return make_error("halt: the deadline of the partial one has passed");
    }
    return hold(STEER_HOLD);
}

Status KernelSteering::halt_changes(std::chrono::milliseconds deadline) {
    if (!context_ || halted_ || !learning_) {
        return make_error("partial halt: {}", halted_ ? "halted already" : "steering is not attached, or does not learn");
    }
    return begin_halt(STEER_PARTIAL, deadline);
}

Status KernelSteering::begin_halt(uint64_t mode, std::chrono::milliseconds deadline) {
    halted_at_ = Clock::now();
    deadline_ = halted_at_ + deadline;
    context_->programs.set_deadline(deadline_);
    context_->programs.set_hold_memory(options_.hold_bytes, 0);
    halted_ = true;
    return hold(mode);
}

Status KernelSteering::hold(uint64_t mode) {
    settled_ = false;
    set_word(mode, active_);
    TRY(wait_for_deliveries());
    if (active_ == Side::B) {
        given_to_b_ = given_to_b();
    }
    return {};
}

// A CPU may still be delivering a packet of before to a packet socket; and on the way to B it may be in a queue.
Status KernelSteering::wait_for_deliveries() const {
    TRY(wait_for_cpus());
    return active_ == Side::B ? wait_for_softnet(softnet_limit) : Status();
}

uint64_t KernelSteering::given_to_b() const {
    uint64_t packets = 0;
    for (const auto& port : ports_) {
        packets += context_->programs.read_counters(port->index()).to_b;
    }
    return packets;
}

Result<bool> KernelSteering::settle() {
    if (!halted_) {
        return make_error("settling: there is no halt");
    }
    if (active_ == Side::A) {
        return true;   // what it sends to itself is held
    }
    TRY(wait_for_softnet(softnet_limit));
    if (Clock::now() >= deadline_) {
        return true;   // packets pass again: the release tells
    }
    auto given = given_to_b();
    settled_ = std::exchange(given_to_b_, given) == given;
    return settled_;
}

// Makes sure that the halt does not end by itself any more. False: it has ended. See struct steer_control for the order.
bool KernelSteering::extend_halt() {
    if (Clock::now() >= deadline_) {
        return false;
    }
    context_->programs.set_deadline(Clock::now() + release_limit);
    return Clock::now() < deadline_;
}

double KernelSteering::hold_fill() const {
    if (!context_) {
        return 0;
    }
    double fill = static_cast<double>(context_->programs.hold_used()) / static_cast<double>(options_.hold_bytes);
    for (const auto& port : ports_) {
        steer_counters c = context_->programs.read_counters(port->index());
        fill = std::max(fill, static_cast<double>(c.held - c.released) / context_->options.hold_packets_per_port);
    }
    return halted_ ? fill : 0;
}

Result<ReleaseReport> KernelSteering::release(Side to) {
    if (!halted_) {
        return make_error("release: there is no halt");
    }
    bool in_time = extend_halt();
    Side target = in_time ? to : active_;
    if (target != active_ && active_ == Side::B && !settled_) {
        // B's last output may be in a queue between its leg's ends: the gate must not close before it.
        TRY(wait_for_softnet(softnet_limit));
    }
    if (!in_time) {
        context_->programs.set_deadline(Clock::now() + release_limit);
    }
    active_ = target;
    watching_ = false;
    Release release(*context_, ports_, halted_at_, target, receivers_[target]);
    set_word(STEER_RELEASE, target);
    auto report = release.run();
    set_word(STEER_DIRECT, target);
    halted_ = false;
    if (!report.ok()) {
        return report;
    }
    if (!in_time) {
        return make_error("release to {}: came after the halt's deadline of {} ms: {} is active again", to_string(to),
                          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - halted_at_).count(),
                          to_string(target));
    }
    return report;
}

Bond KernelSteering::bond() const {
    Bond bond;
    bond.active = active_;
    bond.halted = halted_ && Clock::now() < deadline_;
    for (const auto& port : ports_) {
        steer_counters c = context_->programs.read_counters(port->index());
        BondMember member;
        member.port = port->port();
        member.counters = {.to_a = c.to_a, .to_b = c.to_b, .held = c.held, .released = c.released - port->dropped(),
                           .hold_dropped = port->dropped(), .hold_refused = c.refused, .from_a = c.from_a, .from_b = c.from_b,
                           .gated_a = c.gated_a, .gated_b = c.gated_b};
        member.a_attached = context_->a_links.get(port->port().name).ok();
        member.b_attached = port->leg_up();
        bond.members.push_back(std::move(member));
    }
    return bond;
}

Status KernelSteering::learn_tcp(bool on) {
    if (!context_ || halted_) {
        return make_error("learning of TCP connections: {}", halted_ ? "not in a halt" : "steering is not attached");
    }
    learning_ = on;
    set_word(STEER_DIRECT, active_);
    return {};
}

Status KernelSteering::watch() {
    if (!context_) {
        return make_error("watching: steering is not attached");
    }
    // What a CPU is noting now is of before.
    watching_ = false;
    set_word(mode_, active_);
    TRY(wait_for_cpus());
    context_->programs.clear_changes();
    TRY(context_->programs.moved(true));
    watching_ = true;
    set_word(mode_, active_);
    return wait_for_deliveries();
}

Result<Watched> KernelSteering::watched() {
    if (!context_ || !watching_) {
        return make_error("steering: nothing is watched");
    }
    Watched watched;
    watched.changes = changes();
    watched.moved = TRY(context_->programs.moved(false));
    return watched;
}

Result<bool> KernelSteering::send_to_host(const std::array<uint8_t, 16>& host, std::span<const uint8_t> packet) {
    auto way = context_ ? context_->programs.host(host) : std::nullopt;
    if (!way || way->l2_length > STEER_L2_MAX) {
        return false;
    }
    if (!sender_) {
        sender_ = TRY(open_sender(context_->programs.mark()));
    }
    TRY(send_frame(sender_, *way, packet));
    return true;
}

Status KernelSteering::detach_all() {
    if (!context_) {
        return {};
    }
    if (halted_ || active_ != Side::A) {
        return make_error("steering: cannot be detached: {}", halted_ ? "packets are held" : "B is active");
    }
    auto status = AttachedPort::detach(ports_);
    ports_.clear();
    sender_ = {};
    context_->programs.unpin();
    context_.reset();
    return status;
}

}  // namespace

Result<std::unique_ptr<Steering>> make_steering(SteeringOptions options) {
    static const std::regex prefix("[a-z][a-z0-9_-]{0,3}");
    if (!std::regex_match(options.prefix, prefix)) {
        return make_error("steering: prefix '{}': not one to four letters and digits", options.prefix);
    }
    if (!options.hold_packets_per_port || !options.hold_bytes || !options.release_packets_per_second) {
        return make_error("steering: a limit of 0 packets");
    }
    return std::unique_ptr<Steering>(std::make_unique<KernelSteering>(std::move(options)));
}

Result<std::unique_ptr<Steering>> adopt_steering(SteeringOptions options) {
    auto steering = std::make_unique<KernelSteering>(std::move(options));
    TRY(steering->adopt());
    return std::unique_ptr<Steering>(std::move(steering));
}

Status remove_steering_leftovers(const SteeringOptions& options) {
    TRY(give_pinned_to_a(options.bpf_directory));
    Links devices = TRY(Links::open());
    TRY(remove_pieces(options, devices, {}));
    std::error_code error;
    for (const auto& pin : pins_in(options.bpf_directory)) {
        if (pin.filename().string().starts_with("map_")) {
            std::filesystem::remove(pin, error);
        }
    }
    return {};
}

}  // namespace hitless::datapath
