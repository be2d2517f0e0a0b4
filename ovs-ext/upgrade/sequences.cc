#include "upgrade/sequences.h"

#include <algorithm>
#include <span>

namespace hitless::upgrade {
namespace {

state::TcpSequence to_sequence(const datapath::LearnedTcp& learned) {
    return {learned.next_seq, learned.ack, learned.window, static_cast<uint8_t>(std::max(learned.window_scale, 0))};
}

state::Tuple to_tuple(const datapath::TcpDirection& direction) {
    constexpr std::array<uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    state::Tuple tuple;
    tuple.v6 = !std::ranges::equal(mapped, std::span(direction.source).first<12>());
    tuple.protocol = IPPROTO_TCP;
    std::copy(direction.source.begin() + (tuple.v6 ? 0 : 12), direction.source.end(), tuple.source.begin());
    std::copy(direction.destination.begin() + (tuple.v6 ? 0 : 12), direction.destination.end(), tuple.destination.begin());
    tuple.source_port = direction.source_port;
    tuple.destination_port = direction.destination_port;
    return tuple;
}

}  // namespace

std::array<uint8_t, 16> to_mapped(const state::IpAddress& address, bool v6) {
    if (v6) {
        return address;
    }
    std::array<uint8_t, 16> mapped{};
    mapped[10] = mapped[11] = 0xff;
    std::copy_n(address.begin(), 4, mapped.begin() + 12);
    return mapped;
}

state::SequenceLookup learned_sequences(const datapath::Steering& steering) {
    return [&steering](const state::Tuple& tuple) -> std::optional<state::TcpSequence> {
        auto learned = steering.learned({to_mapped(tuple.source, tuple.v6), to_mapped(tuple.destination, tuple.v6),
                                         tuple.source_port, tuple.destination_port});
        if (!learned) {
            return std::nullopt;
        }
        return to_sequence(*learned);
    };
}

state::PassedLookup passed_since_watch(Pair& pair) {
    return [&pair]() -> Result<state::Passed> {
        if (!pair.watched) {
            return make_error("nobody has watched the packets since connections were read");
        }
        auto watched = TRY(pair.steering->watched());
        state::Passed passed{watched.changes, {}};
        for (const auto& [direction, learned] : watched.moved) {
            passed.moved.emplace_back(to_tuple(direction), to_sequence(learned));
        }
        return passed;
    };
}

}  // namespace hitless::upgrade
