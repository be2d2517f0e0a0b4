#include "upgrade/sequences.h"

#include <algorithm>

namespace hitless::upgrade {

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
        return state::TcpSequence{learned->next_seq, learned->ack, learned->window,
                                  static_cast<uint8_t>(std::max(learned->window_scale, 0))};
    };
}

}  // namespace hitless::upgrade
