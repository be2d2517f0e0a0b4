#include "state/conntrack_value.h"

#include <algorithm>
#include <cstring>

namespace hitless::state {

namespace {

// The parts a value has, in this order; most connections have few.
enum ValueParts : uint8_t { has_reply = 1, has_mark = 2, has_labels = 4, has_helper = 8 };

class Writer {
  public:
    void u8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
    void u16(uint16_t value) {
        u8(static_cast<uint8_t>(value >> 8));
        u8(static_cast<uint8_t>(value));
    }
    void u32(uint32_t value) {
        u16(static_cast<uint16_t>(value >> 16));
        u16(static_cast<uint16_t>(value));
    }
    void raw(const uint8_t* bytes, size_t length) { bytes_.append(reinterpret_cast<const char*>(bytes), length); }
    void tuple(const Tuple& tuple) {
        size_t length = tuple.v6 ? 16 : 4;
        raw(tuple.source.data(), length);
        raw(tuple.destination.data(), length);
        u16(tuple.source_port);
        u16(tuple.destination_port);
    }
    std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_;
};

// Reads what Writer wrote; after a read beyond the end 'good' is false and zeros are read.
class Reader {
  public:
    explicit Reader(const std::string& bytes) : left_(bytes) {}

    uint8_t u8() {
        uint8_t value = 0;
        raw(&value, 1);
        return value;
    }
    uint16_t u16() {
        auto high = static_cast<uint16_t>(u8() << 8);
        return static_cast<uint16_t>(high | u8());
    }
    uint32_t u32() {
        uint32_t high = static_cast<uint32_t>(u16()) << 16;
        return high | u16();
    }
    void raw(uint8_t* bytes, size_t length) {
        if (left_.size() < length) {
            good_ = false;
            return;
        }
        std::memcpy(bytes, left_.data(), length);
        left_.remove_prefix(length);
    }
    void tuple(Tuple& tuple) {
        size_t length = tuple.v6 ? 16 : 4;
        raw(tuple.source.data(), length);
        raw(tuple.destination.data(), length);
        tuple.source_port = u16();
        tuple.destination_port = u16();
    }
    std::string rest() {
        std::string text(left_);
        left_ = {};
        return text;
    }
    bool finished() const { return good_ && left_.empty(); }

  private:
    std::string_view left_;
    bool good_ = true;
};

constexpr size_t key_length_v4 = 2 + 1 + 2 * 4 + 4, key_length_v6 = 2 + 1 + 2 * 16 + 4;

void write_peer(Writer& writer, const TcpPeer& peer, TcpState state) {
    writer.u8(static_cast<uint8_t>(static_cast<uint8_t>(state) << 2 | (peer.scaled ? 2 : 0) | (peer.liberal ? 1 : 0)));
    writer.u8(peer.window_scale);
}

TcpPeer read_peer(Reader& reader) {
    TcpPeer peer;
    uint8_t bits = reader.u8();
    peer.state = static_cast<TcpState>(bits >> 2);
    peer.scaled = bits & 2;
    peer.liberal = bits & 1;
    peer.window_scale = reader.u8();
    return peer;
}

bool all_zero(const std::array<uint8_t, 16>& bytes) {
    return bytes == std::array<uint8_t, 16>{};
}

std::string format_tuple(const Tuple& tuple) {
    std::string text = "src=" + format_address(tuple.source, tuple.v6) + ",dst=" + format_address(tuple.destination, tuple.v6);
    if (tuple.is_icmp()) {
        return text + fmt::format(",id={},type={},code={}", tuple.source_port, tuple.icmp_type(), tuple.icmp_code());
    }
    return text + fmt::format(",sport={},dport={}", tuple.source_port, tuple.destination_port);
}

std::string protocol_name(uint8_t protocol) {
    switch (protocol) {
    case IPPROTO_TCP: return "tcp";
    case IPPROTO_UDP: return "udp";
    case IPPROTO_ICMP: return "icmp";
    case IPPROTO_ICMPV6: return "icmpv6";
    case IPPROTO_SCTP: return "sctp";
    default: return std::to_string(protocol);
    }
}

}  // namespace

void infer_direction(Connection& connection, const TimeoutPolicy& policy) {
    uint32_t limit_s = connection.original.is_icmp()                   ? policy.icmp_both_ways_s
                       : connection.original.protocol == IPPROTO_UDP ? policy.udp_both_ways_s
                                                                     : TimeoutPolicy().udp_both_ways_s;
    connection.direction = connection.timeout_s > limit_s ? Direction::one_way : Direction::both_ways;
}

bool is_closed(const Connection& connection) {
    return connection.original.protocol == IPPROTO_TCP && connection.peer[0].state >= TcpState::fin_wait_2 &&
           connection.peer[1].state >= TcpState::fin_wait_2;
}

std::string key_of(const Connection& connection) {
    // 15 bytes for IPv4: no memory is allocated for it.
    Writer key;
    key.u16(connection.zone);
    key.u8(connection.original.protocol);
    key.tuple(connection.original);
    return key.take();
}

uint16_t zone_of(const Entry& entry) {
    return static_cast<uint16_t>(static_cast<uint8_t>(entry.key[0]) << 8 | static_cast<uint8_t>(entry.key[1]));
}

uint8_t protocol_of(const Entry& entry) {
    return static_cast<uint8_t>(entry.key[2]);
}

Entry to_entry(const Connection& connection) {
    Writer value;
    bool translated = connection.reply != reversed(connection.original);
    value.u8(static_cast<uint8_t>((translated ? has_reply : 0) | (connection.mark ? has_mark : 0) |
                                  (all_zero(connection.labels) ? 0 : has_labels) |
                                  (connection.helper.empty() ? 0 : has_helper)));
    if (connection.original.protocol == IPPROTO_TCP) {
        bool closed = is_closed(connection);
        for (const TcpPeer& peer : connection.peer) {
            write_peer(value, peer, closed ? TcpState::fin_wait_2 : peer.state);
        }
    } else {
        value.u8(static_cast<uint8_t>(connection.direction));
    }
    if (translated) {
        value.tuple(connection.reply);
    }
    if (connection.mark) {
        value.u32(connection.mark);
    }
    if (!all_zero(connection.labels)) {
        value.raw(connection.labels.data(), connection.labels.size());
    }
    value.raw(reinterpret_cast<const uint8_t*>(connection.helper.data()), connection.helper.size());
    return Entry{key_of(connection), value.take()};
}

Result<Connection> from_entry(const Entry& entry) {
    Connection connection;
    if (entry.key.size() != key_length_v4 && entry.key.size() != key_length_v6) {
        return make_error("conntrack: a key of {} bytes is not a connection's", entry.key.size());
    }
    Reader key(entry.key);
    connection.zone = key.u16();
    connection.original.protocol = key.u8();
    connection.original.v6 = entry.key.size() == key_length_v6;
    key.tuple(connection.original);

    Reader value(entry.value);
    uint8_t parts = value.u8();
    if (connection.original.protocol == IPPROTO_TCP) {
        connection.peer[0] = read_peer(value);
        connection.peer[1] = read_peer(value);
    } else {
        connection.direction = value.u8() ? Direction::both_ways : Direction::one_way;
    }
    connection.reply = reversed(connection.original);
    if (parts & has_reply) {
        value.tuple(connection.reply);
    }
    if (parts & has_mark) {
        connection.mark = value.u32();
    }
    if (parts & has_labels) {
        value.raw(connection.labels.data(), connection.labels.size());
    }
    if (parts & has_helper) {
        connection.helper = value.rest();
    }
    if (!value.finished()) {
        return make_error("conntrack: the value of {} is damaged", format_connection(connection));
    }
    return connection;
}

Translation infer_translation(const Connection& connection) {
    const Tuple plain = reversed(connection.original);
    const Tuple& reply = connection.reply;
    bool ports = connection.original.protocol == IPPROTO_TCP || connection.original.protocol == IPPROTO_UDP;
    bool source = reply.destination != plain.destination || (ports && reply.destination_port != plain.destination_port);
    bool destination = reply.source != plain.source || (ports && reply.source_port != plain.source_port);
    Translation result;
    if (destination) {
        result.kind = Translation::Kind::destination;
        result.address = reply.source;
        result.port = ports ? std::optional(reply.source_port) : std::nullopt;
        result.source_port_moved = source;
    } else if (source) {
        result.kind = Translation::Kind::source;
        result.address = reply.destination;
        result.port = ports ? std::optional(reply.destination_port) : std::nullopt;
    }
    return result;
}

std::string format_connection(const Connection& connection) {
    std::string text = protocol_name(connection.original.protocol) + ",orig=(" + format_tuple(connection.original) +
                       "),reply=(" + format_tuple(connection.reply) + ")";
    if (connection.zone) {
        text += fmt::format(",zone={}", connection.zone);
    }
    if (connection.mark) {
        text += fmt::format(",mark={}", connection.mark);
    }
    if (!all_zero(connection.labels)) {
        text += ",labels=0x";
        for (uint8_t byte : connection.labels) {
            text += fmt::format("{:02x}", byte);
        }
    }
    if (connection.original.protocol == IPPROTO_TCP) {
        text += fmt::format(",protoinfo=(state_orig={},state_reply={},wscale_orig={},wscale_reply={})",
                            to_string(connection.peer[0].state), to_string(connection.peer[1].state),
                            connection.peer[0].window_scale, connection.peer[1].window_scale);
    } else {
        text += connection.direction == Direction::both_ways ? ",both ways" : ",one way";
    }
    if (!connection.helper.empty()) {
        text += ",helper=" + connection.helper;
    }
    return text;
}

}  // namespace hitless::state
