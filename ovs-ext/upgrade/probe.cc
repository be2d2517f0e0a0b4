#include "upgrade/probe.h"

#include "state/conntrack.h"
#include "state/packet_builder.h"
#include "upgrade/sequences.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr size_t kBurst = 50;       // packets, then a pause: no host or link is to be flooded
constexpr auto kPause = 10ms;
constexpr auto kAnswered = 300ms;   // for the last answers
constexpr size_t kEthernetHeader = 14;

// A bare acknowledgement with numbers that are most likely none of the receiver's windows: it is answered, and changes nothing.
// 'answer': the tuple of the segments that the receiver sends.
state::Packet make_probe(const state::Tuple& answer) {
    state::TcpSegment segment{.flags = state::tcp_ack, .sequence = 0x5ca1ab1e, .acknowledgement = 0x0ddba11, .window = 1024,
                              .window_scale = std::nullopt, .payload = {}};
    state::Packet frame = state::build_tcp(state::reversed(answer), segment);
    return {frame.begin() + kEthernetHeader, frame.end()};
}

}  // namespace

Status probe_idle_connections(Step& step, Side to) {
    auto& pair = step.pair;
    auto idle = pair.kinds.conntrack->list_without_numbers(to);
    size_t sent = 0;
    for (const auto& connection : idle) {
        // The servers first: clients are more often asleep. One answer says the numbers of both.
        for (const auto& answer : {connection.reply, connection.original}) {
            std::unique_lock lock(pair.steering_mutex);
            bool known = TRY(pair.steering->send_to_host(to_mapped(answer.source, answer.v6), make_probe(answer)));
            lock.unlock();
            if (known) {
                if (++sent % kBurst == 0 && step.stop.wait(kPause)) {
                    return step.stop.check();
                }
                break;
            }
        }
    }
    if (!sent) {
        return {};
    }
    step.stop.wait(kAnswered);
    TRY(step.stop.check());
    return pair.kinds.conntrack->refresh(pair.control(to));
}

}  // namespace hitless::upgrade
