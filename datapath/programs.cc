#include "datapath/programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "base/fd.h"
#include "steer.skel.h"

namespace hitless::datapath {

namespace {

using std::chrono::steady_clock;   // CLOCK_MONOTONIC, as bpf_ktime_get_ns()

template <typename T>
T load_shared(const T& shared) {
    return std::atomic_ref(const_cast<T&>(shared)).load(std::memory_order_acquire);
}

template <typename T>
void store_shared(T& shared, T value) {
    std::atomic_ref(shared).store(value, std::memory_order_seq_cst);
}

void* map_memory(const bpf_map* map, size_t size) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

size_t memory_size(const bpf_map* map) {
    size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    size_t size = size_t{bpf_map__value_size(map)} * bpf_map__max_entries(map);
    return (size + page - 1) / page * page;
}

steer_tcp_key to_key(const TcpDirection& direction) {
    steer_tcp_key key = {};
    std::memcpy(key.source, direction.source.data(), direction.source.size());
    std::memcpy(key.destination, direction.destination.data(), direction.destination.size());
    key.source_port = htons(direction.source_port);
    key.destination_port = htons(direction.destination_port);
    return key;
}

}  // namespace

void Programs::Destroy::operator()(steer_bpf* skeleton) const { steer_bpf__destroy(skeleton); }
void Programs::Unmap::operator()(void* memory) const { ::munmap(memory, size); }

Programs::Programs() = default;
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<Programs> Programs::load(const std::string& directory) {
    Programs programs;
    if (auto status = programs.open(directory); !status.ok()) {
        programs.unpin();
        return "steering programs" / status.error();
    }
    return programs;
}

Status Programs::open(const std::string& directory) {
    skeleton_.reset(steer_bpf__open());
    if (!skeleton_) {
        return make_errno_error(errno, "cannot be opened");
    }
    struct {
        uint64_t secret;
        uint32_t mark;
    } random;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) {
        return make_errno_error(errno, "no random numbers");
    }
    skeleton_->rodata->reentry_secret = random.secret;
    skeleton_->rodata->mark = random.mark | 1;
    if (int error = steer_bpf__load(skeleton_.get())) {
        return make_errno_error(-error, "the kernel refuses them");
    }
    auto& maps = skeleton_->maps;
    size_t size = memory_size(maps.control);
    control_ = {static_cast<steer_control*>(map_memory(maps.control, size)), Unmap{size}};
    size = memory_size(maps.counters);
    counters_ = {static_cast<steer_counters*>(map_memory(maps.counters, size)), Unmap{size}};
    size = memory_size(maps.stamps);
    stamps_ = {static_cast<steer_stamps*>(map_memory(maps.stamps, size)), Unmap{size}};
    if (!control_ || !counters_ || !stamps_) {
        return make_errno_error(errno, "maps cannot be mapped into memory");
    }
    for (bpf_map* map : {maps.control, maps.ports, maps.counters, maps.stamps, maps.stitches, maps.learned}) {
        std::string path = directory + "/map_" + bpf_map__name(map);
        if (bpf_obj_pin(bpf_map__fd(map), path.c_str())) {
            return make_errno_error(errno, "cannot be pinned at {}", path);
        }
        pins_.push_back(std::move(path));
    }
    return {};
}

int Programs::port_xdp() const { return bpf_program__fd(skeleton_->progs.port_xdp); }
int Programs::port_in() const { return bpf_program__fd(skeleton_->progs.port_in); }
int Programs::port_out() const { return bpf_program__fd(skeleton_->progs.port_out); }
int Programs::leg_in() const { return bpf_program__fd(skeleton_->progs.leg_in); }
int Programs::tap_in() const { return bpf_program__fd(skeleton_->progs.tap_in); }
int Programs::tap_out() const { return bpf_program__fd(skeleton_->progs.tap_out); }
int Programs::hold_in() const { return bpf_program__fd(skeleton_->progs.hold_in); }
int Programs::hold_out() const { return bpf_program__fd(skeleton_->progs.hold_out); }
int Programs::stitch() const { return bpf_program__fd(skeleton_->progs.stitch); }

uint64_t Programs::word() const { return load_shared(control_->word); }
void Programs::set_word(uint64_t word) { store_shared(control_->word, static_cast<__u64>(word)); }

void Programs::set_deadline(steady_clock::time_point deadline) {
    auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
    store_shared(control_->deadline_ns, static_cast<__u64>(ns));
}

steer_counters Programs::read_counters(uint32_t index) const {
    steer_counters& shared = counters_.get()[index];
    steer_counters copy = {};
    // 'released' never exceeds 'held': read first.
    copy.released = load_shared(shared.released);
    copy.held = load_shared(shared.held);
    copy.to_a = load_shared(shared.to_a);
    copy.to_b = load_shared(shared.to_b);
    copy.from_a = load_shared(shared.from_a);
    copy.from_b = load_shared(shared.from_b);
    copy.gated_a = load_shared(shared.gated_a);
    copy.gated_b = load_shared(shared.gated_b);
    return copy;
}

uint64_t Programs::held(uint32_t index) const { return load_shared(counters_.get()[index].held); }

void Programs::set_released(uint32_t index, uint64_t released) {
    store_shared(counters_.get()[index].released, static_cast<__u64>(released));
}

void Programs::clear_counters(uint32_t index) {
    std::memset(static_cast<void*>(counters_.get() + index), 0, sizeof(steer_counters));
}

steady_clock::time_point Programs::arrival(uint32_t index, uint64_t number) const {
    uint64_t ns = load_shared(stamps_.get()[index].ns[number % STEER_STAMPS]);
    return steady_clock::time_point(std::chrono::nanoseconds(ns));
}

Status Programs::put_port(unsigned ifindex, const steer_port& port) {
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.ports), &ifindex, &port, BPF_ANY)) {
        return make_errno_error(errno, "steering map of ports");
    }
    return {};
}

void Programs::remove_port(unsigned ifindex) { bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.ports), &ifindex); }

Status Programs::put_stitch(unsigned ifindex, unsigned other_ifindex) {
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.stitches), &ifindex, &other_ifindex, BPF_ANY)) {
        return make_errno_error(errno, "steering map of stitches");
    }
    return {};
}

void Programs::remove_stitch(unsigned ifindex) { bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.stitches), &ifindex); }

std::optional<LearnedTcp> Programs::learned(const TcpDirection& direction) const {
    steer_tcp_key key = to_key(direction);
    steer_tcp_state state;
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.learned), &key, &state)) {
        return std::nullopt;
    }
    LearnedTcp learned;
    learned.next_seq = state.next_seq;
    learned.ack = state.ack;
    learned.window = state.window;
    learned.window_scale = state.window_scale == STEER_TCP_NO_SCALE ? -1 : state.window_scale;
    learned.flags = state.flags;
    learned.seen = std::chrono::nanoseconds(state.seen_ns);
    return learned;
}

void Programs::unpin() {
    for (const auto& path : pins_) {
        ::unlink(path.c_str());
    }
    pins_.clear();
}

Status give_pinned_to_a(const std::string& directory) {
    const std::string path = directory + "/map_control";
    Fd map(bpf_obj_get(path.c_str()));
    uint32_t key = 0;
    steer_control to_a = {};
    if (map ? bpf_map_update_elem(map.get(), &key, &to_a, BPF_ANY) : errno != ENOENT) {
        return make_errno_error(errno, "steering map {}", path);
    }
    return {};
}

Result<Side> pinned_active(const std::string& directory) {
    const std::string path = directory + "/map_control";
    Fd map(bpf_obj_get(path.c_str()));
    if (!map && errno == ENOENT) {
        return Side::A;
    }
    uint32_t key = 0;
    steer_control control = {};
    if (!map || bpf_map_lookup_elem(map.get(), &key, &control)) {
        return make_errno_error(errno, "steering map {}", path);
    }
    return control.word & STEER_SIDE_B ? Side::B : Side::A;
}

}  // namespace hitless::datapath
