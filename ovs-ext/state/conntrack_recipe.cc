#include "state/conntrack_recipe.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "state/conntrack_value.h"
#include "state/packet_builder.h"

namespace hitless::state {

namespace {

// A packet-out from the controller itself: no port counts it, and ct() without table has no further effect on it.
constexpr uint32_t from_controller = 0xfffffffd;   // OFPP_CONTROLLER

// Sequence numbers of a connection whose own are not known; consistent, so that the tracker takes the whole recipe.
constexpr TcpNumbers arbitrary_numbers{1'000'000, 5'000'000};

// The largest window. The tracker takes the largest one it ever saw as the distance a retransmission may come from; with what a
// peer happened to announce last (it may be 0) the retransmissions on their way would be invalid.
constexpr uint16_t wide_window = 65535;

std::string plain_action(const Connection& connection) {
    return fmt::format("ct(zone={})", connection.zone);
}

std::string translation_argument(const Connection& connection) {
    Translation translation = infer_translation(connection);
    if (translation.kind == Translation::Kind::none) {
        return {};
    }
    bool v6 = connection.original.v6;
    std::string address = format_address(translation.address, v6);
    return fmt::format(",nat({}={}{}{}{})", translation.kind == Translation::Kind::source ? "src" : "dst", v6 ? "[" : "", address,
                       v6 ? "]" : "", translation.port ? fmt::format(":{}", *translation.port) : "");
}

std::string format_labels(const Connection& connection) {
    std::string text = "0x";
    for (uint8_t byte : connection.labels) {
        text += fmt::format("{:02x}", byte);   // clang 14 and a libfmt made by g++ disagree on the name of format_to
    }
    return text;
}

// 'translate': for the packet that makes the connection. 'always': zero mark and labels are written too.
std::string commit_action(const Connection& connection, bool translate, bool always) {
    std::string action = fmt::format("ct(commit,zone={}", connection.zone);
    if (translate) {
        action += translation_argument(connection);
    }
    bool mark = always || connection.mark;
    bool labels = always || connection.labels != decltype(connection.labels){};
    if (mark || labels) {
        action += ",exec(";
        if (mark) {
            action += fmt::format("set_field:{}->ct_mark", connection.mark);
        }
        if (labels) {
            action += fmt::format("{}set_field:{}->ct_label", mark ? "," : "", format_labels(connection));
        }
        action += ")";
    }
    if (!connection.helper.empty()) {
        action += ",alg=" + connection.helper;
    }
    return action + ")";
}

constexpr bool is_syn(uint8_t flags) {
    return (flags & (tcp_syn | tcp_ack)) == tcp_syn;
}

// What a segment takes of the sequence space.
constexpr uint32_t sequence_length(uint8_t flags) {
    return ((flags & tcp_syn) ? 1 : 0) + ((flags & tcp_fin) ? 1 : 0);
}

// Breadth first: a move that changes nothing or has been tried elsewhere leads nowhere new.
struct Step {
    TcpStates states;
    size_t previous;
    TcpMove move;
    bool reply_seen;
};

// Appends segments and keeps account of the sequence numbers.
class TcpPlayer {
  public:
    TcpPlayer(const Connection& connection, TcpNumbers start, std::vector<openflow::PacketOut>& packets)
        : connection_(connection), next_{start.original, start.reply}, packets_(packets) {}

    void play(TcpMove move, std::string action) {
        TcpSegment segment;
        segment.flags = move.flags;
        segment.sequence = next_[move.reply];
        segment.acknowledgement = (move.flags & tcp_ack) ? next_[!move.reply] : 0;
        segment.window = wide_window;
        const TcpPeer& peer = connection_.peer[move.reply];
        if ((move.flags & tcp_syn) && peer.scaled) {
            segment.window_scale = peer.window_scale;
        }
        next_[move.reply] += sequence_length(move.flags);
        const Tuple& tuple = move.reply ? connection_.reply : connection_.original;
        packets_.push_back({from_controller, build_tcp(tuple, segment), std::move(action)});
    }

  private:
    const Connection& connection_;
    uint32_t next_[2];
    std::vector<openflow::PacketOut>& packets_;
};

Status append_tcp(const Connection& connection, const std::optional<TcpNumbers>& numbers,
                  std::vector<openflow::PacketOut>& packets) {
    TcpStates states{connection.peer[0].state, connection.peer[1].state};
    std::vector<TcpMove> path = tcp_path(states, shape_of(connection));
    if (path.empty()) {
        return make_error("connection {}: no packets lead to its TCP state", format_connection(connection));
    }
    if (numbers) {
        // The window of the other side is known only from an unscaled SYN yet: acknowledge once more where that changes no state.
        for (TcpMove move : {TcpMove{true, tcp_ack}, TcpMove{false, tcp_ack}}) {
            bool said = std::find(path.end() - std::min<std::ptrdiff_t>(2, std::ssize(path)), path.end(), move) != path.end();
            if (!said && after(states, move) == states) {
                path.push_back(move);
            }
        }
    }
    // The connection's own numbers are those after the last segment.
    TcpNumbers start = numbers.value_or(arbitrary_numbers);
    for (const TcpMove& move : path) {
        (move.reply ? start.reply : start.original) -= sequence_length(move.flags);
    }
    TcpPlayer player(connection, start, packets);
    player.play(path.front(), commit_action(connection, true, false));
    std::string action = plain_action(connection);
    for (size_t i = 1; i < path.size(); i++) {
        player.play(path[i], action);
    }
    return {};
}

}  // namespace

TcpStates after(TcpStates states, TcpMove move) {
    TcpState& source = move.reply ? states.second : states.first;
    TcpState& destination = move.reply ? states.first : states.second;
    if (is_syn(move.flags) && source <= TcpState::syn_sent) {
        source = TcpState::syn_sent;
        return states;
    }
    source = std::max(source, TcpState::syn_sent);
    if ((move.flags & tcp_fin) && source < TcpState::closing) {
        source = TcpState::closing;
    }
    if (move.flags & tcp_ack) {
        if (destination == TcpState::syn_sent) {
            destination = TcpState::established;
        } else if (destination == TcpState::closing) {
            destination = TcpState::fin_wait_2;
        }
    }
    if (move.flags & tcp_rst) {
        source = destination = TcpState::time_wait;
    }
    return states;
}

TcpShape shape_of(const Connection& connection) {
    const auto& [original, reply] = connection.peer;
    if (original.liberal) {
        return {tcp_ack, tcp_ack, !reply.scaled};
    }
    // A SYN-ACK without the option would take the scale of the SYN away again.
    bool syn_ack = reply.scaled || !original.scaled;
    return {tcp_syn, static_cast<uint8_t>(syn_ack ? tcp_syn | tcp_ack : tcp_ack), !reply.scaled};
}

std::vector<TcpMove> tcp_path(TcpStates states, TcpShape shape) {
    // At most tcp_state_count squared states, twice: a linear list will do.
    std::vector<Step> steps{{{TcpState::syn_sent, TcpState::closed}, 0, {false, shape.first}, false}};
    for (size_t i = 0; i < steps.size(); i++) {
        if (steps[i].states == states) {
            std::vector<TcpMove> path;
            for (size_t at = i; at; at = steps[at].previous) {
                path.push_back(steps[at].move);
            }
            path.push_back(steps[0].move);
            std::reverse(path.begin(), path.end());
            return path;
        }
        auto consider = [&](TcpMove move) {
            Step step{after(steps[i].states, move), i, move, steps[i].reply_seen || move.reply};
            auto same = [&](const Step& known) { return known.states == step.states && known.reply_seen == step.reply_seen; };
            if (std::none_of(steps.begin(), steps.end(), same)) {
                steps.push_back(step);
            }
        };
        if (steps[i].reply_seen) {
            consider({true, tcp_ack});
            consider({true, tcp_fin | tcp_ack});
        } else {
            consider({true, shape.first_reply});
            if (shape.crossed) {
                consider({true, tcp_syn});
            }
        }
        consider({false, tcp_ack});
        consider({false, tcp_fin | tcp_ack});
        consider({false, tcp_rst});
    }
    return {};
}

std::optional<TcpNumbers> learn_numbers(const Connection& connection, const SequenceLookup& lookup) {
    if (!lookup) {
        return std::nullopt;
    }
    auto original = lookup(connection.original);
    auto reply = lookup(connection.reply);
    if (!original && !reply) {
        return std::nullopt;
    }
    return TcpNumbers{original ? original->sequence : reply->acknowledgement,
                      reply ? reply->sequence : original->acknowledgement};
}

Status append_creation(const Connection& connection, const std::optional<TcpNumbers>& numbers,
                       std::vector<openflow::PacketOut>& packets) {
    if (connection.original.protocol == IPPROTO_TCP) {
        return append_tcp(connection, numbers, packets);
    }
    packets.push_back({from_controller, build_datagram(connection.original), commit_action(connection, true, false)});
    if (connection.direction == Direction::both_ways) {
        packets.push_back({from_controller, build_datagram(connection.reply), plain_action(connection)});
    }
    return {};
}

bool can_change_in_place(const Connection& old, const Connection& wanted) {
    return wanted.original.protocol != IPPROTO_TCP && old.reply == wanted.reply && old.helper == wanted.helper &&
           (old.direction == wanted.direction || wanted.direction == Direction::both_ways);
}

void append_change(const Connection& wanted, std::vector<openflow::PacketOut>& packets) {
    packets.push_back({from_controller, build_datagram(wanted.original), commit_action(wanted, false, true)});
    if (wanted.direction == Direction::both_ways) {
        packets.push_back({from_controller, build_datagram(wanted.reply), plain_action(wanted)});
    }
}

bool append_window_move(const Connection& connection, const TcpNumbers& numbers, std::vector<openflow::PacketOut>& packets) {
    TcpStates states{connection.peer[0].state, connection.peer[1].state};
    if (after(after(states, {false, tcp_ack}), {true, tcp_ack}) != states) {
        return false;
    }
    // The last byte once more from each: a bare ACK would not move the sender's own number.
    static constexpr uint8_t byte[1] = {0};
    TcpSegment segment{.flags = tcp_ack, .sequence = numbers.original - 1, .acknowledgement = numbers.reply, .window = wide_window,
                       .window_scale = std::nullopt, .payload = byte};
    packets.push_back({from_controller, build_tcp(connection.original, segment), plain_action(connection)});
    segment.sequence = numbers.reply - 1;
    segment.acknowledgement = numbers.original;
    packets.push_back({from_controller, build_tcp(connection.reply, segment), plain_action(connection)});
    return true;
}

bool append_window_walk(const Connection& connection, const TcpNumbers& numbers, std::vector<openflow::PacketOut>& packets) {
    constexpr uint32_t step = 1u << 30;
    for (uint32_t i = 1; i <= 4; i++) {   // the fourth wraps: the numbers themselves
        if (!append_window_move(connection, {numbers.original + i * step, numbers.reply + i * step}, packets)) {
            return false;
        }
    }
    return true;
}

bool append_keep_alive(const Connection& connection, const std::optional<TcpNumbers>& numbers,
                       std::vector<openflow::PacketOut>& packets) {
    if (connection.original.protocol == IPPROTO_TCP) {
        return append_window_move(connection, numbers.value_or(arbitrary_numbers), packets);
    }
    packets.push_back({from_controller, build_datagram(connection.original), plain_action(connection)});
    return true;
}

void append_icmpv6_removal(const Connection& connection, std::vector<openflow::PacketOut>& packets) {
    packets.push_back({from_controller, build_datagram(connection.reply), fmt::format("ct(commit,force,zone={})", connection.zone)});
}

std::string flush_argument(const Connection& connection) {
    const Tuple& tuple = connection.original;
    std::string_view family = tuple.v6 ? "ct_ipv6" : "ct_nw";
    std::string text = fmt::format("{}_src={},{}_dst={},ct_nw_proto={}", family, format_address(tuple.source, tuple.v6), family,
                                   format_address(tuple.destination, tuple.v6), tuple.protocol);
    if (tuple.is_icmp()) {
        return text + fmt::format(",icmp_type={},icmp_code={},icmp_id={}", tuple.icmp_type(), tuple.icmp_code(), tuple.source_port);
    }
    if (tuple.source_port || tuple.destination_port) {
        text += fmt::format(",ct_tp_src={},ct_tp_dst={}", tuple.source_port, tuple.destination_port);
    }
    return text;
}

}  // namespace hitless::state
