#include "datapath/programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>

#include "base/fd.h"
#include "datapath/host_clock.h"
#include "datapath/links.h"
#include "steer.skel.h"

namespace hitless::datapath {

namespace {

using std::chrono::steady_clock;

template <typename T>
T load_shared(const T& shared) {
    return std::atomic_ref(const_cast<T&>(shared)).load(std::memory_order_acquire);
}

template <typename T>
void store_shared(T& shared, T value) {
    std::atomic_ref(shared).store(value, std::memory_order_seq_cst);
}

// Whether the kernel knows XDP programs for packets in parts.
bool takes_frags() {
    std::array<bpf_insn, 2> pass{};
    pass[0].code = BPF_ALU64 | BPF_MOV | BPF_K;   // r0
    pass[0].imm = XDP_PASS;
    pass[1].code = BPF_JMP | BPF_EXIT;
    bpf_prog_load_opts options = {};
    options.sz = sizeof options;
    options.prog_flags = BPF_F_XDP_HAS_FRAGS;
    return bool(Fd(bpf_prog_load(BPF_PROG_TYPE_XDP, nullptr, "GPL", pass.data(), pass.size(), &options)));
}

void* map_memory(const bpf_map* map, size_t size) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

// None: see errno.
std::optional<Side> read_active(int control_map) {
    uint32_t key = 0;
    steer_control control = {};
    if (bpf_map_lookup_elem(control_map, &key, &control)) {
        return std::nullopt;
    }
    return control.word & STEER_SIDE_B ? Side::B : Side::A;
}

// The map with the control word that the program with this number uses; none where that is no program of bpf/.
Fd control_of(unsigned program) {
    Fd fd(bpf_prog_get_fd_by_id(program));
    std::array<uint32_t, 64> maps{};
    bpf_prog_info about = {};
    about.nr_map_ids = maps.size();
    about.map_ids = reinterpret_cast<uintptr_t>(maps.data());
    uint32_t size = sizeof about;
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &about, &size) || !std::string_view(about.name).starts_with("port_xdp")) {
        return {};
    }
    for (uint32_t i = 0; i < std::min<uint32_t>(about.nr_map_ids, maps.size()); i++) {
        Fd map(bpf_map_get_fd_by_id(maps[i]));
        bpf_map_info its = {};
        size = sizeof its;
        if (map && !bpf_obj_get_info_by_fd(map.get(), &its, &size) && its.name == std::string_view("control") &&
            its.value_size == sizeof(steer_control)) {
            return map;
        }
    }
    return {};
}

size_t memory_size(const bpf_map* map) {
    size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    size_t size = size_t{bpf_map__value_size(map)} * bpf_map__max_entries(map);
    return (size + page - 1) / page * page;
}

std::string pin_path(const std::string& directory, const bpf_map* map) {
    return directory + "/map_" + bpf_map__name(map);
}

std::string constants_path(const std::string& directory) { return directory + "/map_constants"; }

}  // namespace

void Programs::Destroy::operator()(steer_bpf* skeleton) const { steer_bpf__destroy(skeleton); }
void Programs::Unmap::operator()(void* memory) const { ::munmap(memory, size); }

Programs::Programs() = default;
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<Programs> Programs::load(const std::string& directory) {
    Programs programs;
    auto work = [&]() -> Status {
        TRY(programs.open());
        TRY(programs.choose_secrets());
        TRY(programs.load_and_map());
        return programs.pin(directory);
    };
    if (auto status = work(); !status.ok()) {
        programs.unpin();
        return "steering programs" / status.error();
    }
    return programs;
}

Result<Programs> Programs::adopt(const std::string& directory) {
    Programs programs;
    auto work = [&]() -> Status {
        TRY(programs.open());
        TRY(programs.reuse_pinned(directory));
        return programs.load_and_map();
    };
    if (auto status = work(); !status.ok()) {
        return "steering programs of an earlier process" / status.error();
    }
    return programs;
}

Status Programs::open() {
    skeleton_.reset(steer_bpf__open());
    if (!skeleton_) {
        return make_errno_error(errno, "cannot be opened");
    }
    bool frags = takes_frags();
    bpf_program__set_autoload(skeleton_->progs.port_xdp, frags);
    bpf_program__set_autoload(skeleton_->progs.port_xdp_whole, !frags);
    return {};
}

Status Programs::choose_secrets() {
    struct {
        uint64_t secret;
        uint32_t mark;
    } random;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) {
        return make_errno_error(errno, "no random numbers");
    }
    skeleton_->rodata->reentry_secret = random.secret;
    skeleton_->rodata->mark = random.mark | 1;
    return {};
}

Status Programs::load_and_map() {
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
    return {};
}

std::vector<bpf_map*> Programs::maps() const {
    auto& maps = skeleton_->maps;
    return {maps.control, maps.ports, maps.counters, maps.stamps, maps.stitches, maps.learned, maps.passages, maps.moved, maps.hosts};
}

// The maps, and the constants (secret and mark) that programs loaded later must share.
Status Programs::pin(const std::string& directory) {
    auto pin_one = [&](const bpf_map* map, const std::string& path) -> Status {
        if (bpf_obj_pin(bpf_map__fd(map), path.c_str())) {
            return make_errno_error(errno, "cannot be pinned at {}", path);
        }
        pins_.push_back(path);
        return {};
    };
    for (bpf_map* map : maps()) {
        TRY(pin_one(map, pin_path(directory, map)));
    }
    return pin_one(skeleton_->maps.rodata, constants_path(directory));
}

Status Programs::reuse_pinned(const std::string& directory) {
    TRY(reuse_constants(constants_path(directory)));
    for (bpf_map* map : maps()) {
        std::string path = pin_path(directory, map);
        Fd fd(bpf_obj_get(path.c_str()));
        bpf_map_info info = {};
        __u32 size = sizeof info;
        if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size)) {
            return make_errno_error(errno, "map {}", path);
        }
        if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
            info.value_size != bpf_map__value_size(map) || info.max_entries != bpf_map__max_entries(map)) {
            return make_error("map {}: of another version's layout", path);
        }
        if (int error = bpf_map__reuse_fd(map, fd.get())) {
            return make_errno_error(-error, "map {}: cannot be used again", path);
        }
        pins_.push_back(std::move(path));
    }
    pins_.push_back(constants_path(directory));
    return {};
}

Status Programs::reuse_constants(const std::string& path) {
    Fd fd(bpf_obj_get(path.c_str()));
    bpf_map_info info = {};
    __u32 size = sizeof info;
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size)) {
        return make_errno_error(errno, "constants {}", path);
    }
    auto before = *skeleton_->rodata;
    uint32_t key = 0;
    if (info.value_size != sizeof before || bpf_map_lookup_elem(fd.get(), &key, &before) ||
        before.layout != skeleton_->rodata->layout) {
        return make_error("constants {}: of another version's layout", path);
    }
    *skeleton_->rodata = before;
    return {};
}

int Programs::port_xdp() const {
    auto& programs = skeleton_->progs;
    return bpf_program__fd(bpf_program__autoload(programs.port_xdp) ? programs.port_xdp : programs.port_xdp_whole);
}
int Programs::port_in() const { return bpf_program__fd(skeleton_->progs.port_in); }
int Programs::port_out() const { return bpf_program__fd(skeleton_->progs.port_out); }
int Programs::leg_in() const { return bpf_program__fd(skeleton_->progs.leg_in); }
int Programs::tap_in() const { return bpf_program__fd(skeleton_->progs.tap_in); }
int Programs::tap_out() const { return bpf_program__fd(skeleton_->progs.tap_out); }
int Programs::hold_in() const { return bpf_program__fd(skeleton_->progs.hold_in); }
int Programs::hold_out() const { return bpf_program__fd(skeleton_->progs.hold_out); }
int Programs::stitch() const { return bpf_program__fd(skeleton_->progs.stitch); }
int Programs::b_in() const { return bpf_program__fd(skeleton_->progs.b_in); }
int Programs::b_out() const { return bpf_program__fd(skeleton_->progs.b_out); }

uint64_t Programs::word() const { return load_shared(control_->word); }
void Programs::set_word(uint64_t word) { store_shared(control_->word, static_cast<__u64>(word)); }

void Programs::set_deadline(steady_clock::time_point deadline) {
    store_shared(control_->deadline_ns, static_cast<__u64>(to_kernel_ns(deadline)));
}

void Programs::set_hold_memory(uint64_t limit, uint64_t used) {
    store_shared(control_->hold_limit, static_cast<__u64>(limit));
    store_shared(control_->hold_used, static_cast<__u64>(used));
}

uint64_t Programs::hold_used() const { return load_shared(control_->hold_used); }

// What is given back may be some bytes more than what was taken: a VLAN tag comes back in the frame.
void Programs::give_back_hold_memory(uint64_t bytes) {
    __u64 used = load_shared(control_->hold_used), left;
    do {
        left = used - std::min<__u64>(used, bytes);
    } while (!__atomic_compare_exchange_n(&control_->hold_used, &used, left, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
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
    copy.refused = load_shared(shared.refused);
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
    return from_kernel_ns(load_shared(stamps_.get()[index].ns[number % STEER_STAMPS]));
}

std::vector<steer_port> Programs::ports() const {
    std::map<uint32_t, steer_port> ports;
    int map = bpf_map__fd(skeleton_->maps.ports);
    uint32_t key = 0, next = 0;
    for (const uint32_t* at = nullptr; bpf_map_get_next_key(map, at, &next) == 0; at = &key) {
        key = next;
        steer_port port;
        if (bpf_map_lookup_elem(map, &key, &port) == 0) {
            ports[port.index] = port;
        }
    }
    std::vector<steer_port> in_order;
    for (const auto& [index, port] : ports) {
        in_order.push_back(port);
    }
    return in_order;
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

bool Programs::stitched(unsigned ifindex, unsigned other_ifindex) const {
    unsigned found = 0;
    return bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.stitches), &ifindex, &found) == 0 && found == other_ifindex;
}

uint64_t Programs::to_both() const { return load_shared(control_->to_both); }
uint64_t Programs::changes() const { return load_shared(control_->changes); }
void Programs::clear_changes() { store_shared(control_->changes, __u64{0}); }

uint32_t Programs::mark() const { return skeleton_->rodata->mark; }

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
    auto active = map ? read_active(map.get()) : std::nullopt;
    return active ? Result<Side>(*active) : make_errno_error(errno, "steering map {}", path);
}

Result<Side> attached_active() {
    const auto devices = TRY(TRY(Links::open()).list());
    for (const auto& device : devices) {
        unsigned program = 0;
        if (bpf_xdp_query_id(static_cast<int>(device.ifindex), 0, &program) || !program) {
            continue;
        }
        if (Fd control = control_of(program)) {
            auto active = read_active(control.get());
            return active ? Result<Side>(*active) : make_errno_error(errno, "steering map of device {}", device.name);
        }
    }
    return Side::A;
}

}  // namespace hitless::datapath
