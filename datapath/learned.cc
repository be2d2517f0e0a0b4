// What the programs have learned of the packets that pass.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

#include "datapath/host_clock.h"
#include "datapath/programs.h"
#include "steer.skel.h"

namespace hitless::datapath {

namespace {

steer_direction to_key(const TcpDirection& direction) {
    steer_direction key = {};
    key.protocol = IPPROTO_TCP;
    std::memcpy(key.source, direction.source.data(), direction.source.size());
    std::memcpy(key.destination, direction.destination.data(), direction.destination.size());
    key.source_port = htons(direction.source_port);
    key.destination_port = htons(direction.destination_port);
    return key;
}

TcpDirection to_direction(const steer_direction& key) {
    TcpDirection direction;
    std::memcpy(direction.source.data(), key.source, direction.source.size());
    std::memcpy(direction.destination.data(), key.destination, direction.destination.size());
    direction.source_port = ntohs(key.source_port);
    direction.destination_port = ntohs(key.destination_port);
    return direction;
}

LearnedTcp to_learned(const steer_tcp_state& state) {
    LearnedTcp learned;
    learned.next_seq = state.next_seq;
    learned.ack = state.ack;
    learned.window = state.window;
    learned.window_scale = state.window_scale == STEER_TCP_NO_SCALE ? -1 : state.window_scale;
    learned.flags = state.flags;
    learned.seen = from_kernel_ns(state.passage.seen_ns).time_since_epoch();
    return learned;
}

static_assert(std::chrono::nanoseconds(kOfLate).count() == STEER_OF_LATE_NS && std::chrono::nanoseconds(kJustNow).count() == STEER_JUST_NOW_NS);

// Read or removed by one system call.
constexpr uint32_t kBatch = 4096;

}  // namespace

std::optional<LearnedTcp> Programs::learned(const TcpDirection& direction) const {
    steer_direction key = to_key(direction);
    steer_tcp_state state;
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.learned), &key, &state)) {
        return std::nullopt;
    }
    return to_learned(state);
}

// Of a map that programs change meanwhile.
Result<std::vector<MovedTcp>> Programs::moved(bool remove) {
    int map = bpf_map__fd(skeleton_->maps.moved);
    std::vector<steer_direction> keys(kBatch);
    std::vector<steer_tcp_state> states(kBatch);
    std::vector<MovedTcp> all;
    uint32_t position = 0;
    auto read = remove ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch;
    for (bool first = true, more = true; more; first = false) {
        uint32_t count = kBatch;
        int error = read(map, first ? nullptr : &position, &position, keys.data(), states.data(), &count, nullptr);
        more = error == 0;
        if (error && error != -ENOENT) {   // ENOENT: these were the last
            return make_errno_error(-error, "steering map of moved directions");
        }
        for (uint32_t i = 0; i < count; i++) {
            all.push_back({to_direction(keys[i]), to_learned(states[i])});
        }
    }
    return all;
}

std::optional<steer_host> Programs::host(const std::array<uint8_t, 16>& address) const {
    steer_host_key key;
    std::memcpy(key.address, address.data(), address.size());
    steer_host host;
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.hosts), &key, &host)) {
        return std::nullopt;
    }
    return host;
}

}  // namespace hitless::datapath
