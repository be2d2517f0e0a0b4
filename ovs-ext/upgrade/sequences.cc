#include "upgrade/sequences.h"

#include <algorithm>
#include <string_view>

namespace hitless::upgrade {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};   // ::ffff:0:0/96

bool is_mapped(const std::array<uint8_t, 16>& address) {
    return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
}

state::IpAddress to_address(const std::array<uint8_t, 16>& address) {
    if (!is_mapped(address)) {
        return address;
    }
    state::IpAddress v4{};
    std::copy(address.begin() + 12, address.end(), v4.begin());
    return v4;
}

}  // namespace

state::Tuple to_tuple(const datapath::LearnedTcp& learned) {
    state::Tuple tuple;
    tuple.v6 = !is_mapped(learned.source);
    tuple.protocol = IPPROTO_TCP;
    tuple.source = to_address(learned.source);
    tuple.destination = to_address(learned.destination);
    tuple.source_port = learned.source_port;
    tuple.destination_port = learned.destination_port;
    return tuple;
}

size_t Sequences::Hash::operator()(const state::Tuple& tuple) const {
    std::array<uint8_t, 36> bytes;
    auto end = std::copy(tuple.source.begin(), tuple.source.end(), bytes.begin());
    end = std::copy(tuple.destination.begin(), tuple.destination.end(), end);
    for (uint16_t port : {tuple.source_port, tuple.destination_port}) {
        *end++ = static_cast<uint8_t>(port >> 8);
        *end++ = static_cast<uint8_t>(port);
    }
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Status Sequences::read(const datapath::Steering& steering) {
    for (const auto& one : TRY(steering.learned())) {
        learned_[to_tuple(one)] = {one.next_seq, one.ack, one.window,
                                   static_cast<uint8_t>(std::max(one.window_scale, 0))};
    }
    return {};
}

state::SequenceLookup Sequences::lookup() const {
    return [this](const state::Tuple& tuple) -> std::optional<state::TcpSequence> {
        auto found = learned_.find(tuple);
        return found == learned_.end() ? std::nullopt : std::optional(found->second);
    };
}

}  // namespace hitless::upgrade
