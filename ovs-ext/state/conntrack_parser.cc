#include "state/conntrack_parser.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace hitless::state {

namespace {

// Where the parenthesis that opens at 'open' closes; npos: nowhere.
size_t find_closing(std::string_view text, size_t open) {
    size_t close = text.find(')', open);
    size_t inner = text.find('(', open + 1);
    while (inner < close && close != std::string_view::npos) {
        close = text.find(')', close + 1);   // one more for each that opens before
        inner = text.find('(', inner + 1);
    }
    return close;
}

// The next element of a comma-separated list, cut off its front. Commas in parentheses do not separate.
std::string_view next_element(std::string_view& list) {
    size_t end = list.find(',');
    if (size_t open = list.substr(0, end).find('('); open != std::string_view::npos) {
        size_t close = find_closing(list, open);
        end = close == std::string_view::npos ? close : list.find(',', close);
    }
    std::string_view element = list.substr(0, end);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    return element;
}

struct Field {
    std::string_view key, value;
};

// What a dump says of a connection that is no part of it.
bool is_passed_over(std::string_view key) {
    return key == "id" || key == "status" || key == "packets" || key == "bytes" || key == "start" || key == "stop";
}

Field split(std::string_view element) {
    size_t equals = element.find('=');
    if (equals == std::string_view::npos) {
        return {element, {}};
    }
    return {element.substr(0, equals), element.substr(equals + 1)};
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

bool parse_ipv4(std::string_view text, IpAddress& address) {
    const char* at = text.data();
    const char* end = at + text.size();
    for (size_t i = 0; i < 4; i++) {
        auto [next, error] = std::from_chars(at, end, address[i]);
        if (error != std::errc() || (i < 3 && (next == end || *next != '.'))) {
            return false;
        }
        at = i < 3 ? next + 1 : next;
    }
    return at == end;
}

bool parse_ipv6(std::string_view text, IpAddress& address) {
    char copy[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof copy) {
        return false;
    }
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    return inet_pton(AF_INET6, copy, address.data()) == 1;
}

bool parse_address(std::string_view text, IpAddress& address, bool& v6) {
    address = {};   // a key may come twice
    v6 = text.find(':') != std::string_view::npos;
    return v6 ? parse_ipv6(text, address) : parse_ipv4(text, address);
}

// "(...)" without its parentheses.
bool unwrap(std::string_view& text) {
    if (text.size() < 2 || text.front() != '(' || text.back() != ')') {
        return false;
    }
    text = text.substr(1, text.size() - 2);
    return true;
}

// 'tuple.protocol' must be set: ICMP and other protocols have other fields.
bool parse_tuple(std::string_view text, Tuple& tuple, std::string& unknown) {
    if (!unwrap(text)) {
        return false;
    }
    bool source = false, destination = false, source_v6 = false, destination_v6 = false;
    uint8_t type = 0, code = 0;
    while (!text.empty()) {
        auto [key, value] = split(next_element(text));
        bool good = true;
        if (key == "src") {
            good = parse_address(value, tuple.source, source_v6);
            source = true;
        } else if (key == "dst") {
            good = parse_address(value, tuple.destination, destination_v6);
            destination = true;
        } else if (key == "sport" || key == "id") {
            good = parse_number(value, tuple.source_port);
        } else if (key == "dport") {
            good = parse_number(value, tuple.destination_port);
        } else if (key == "type") {
            good = parse_number(value, type);
        } else if (key == "code") {
            good = parse_number(value, code);
        } else if (!is_passed_over(key)) {
            unknown = key;
        }
        if (!good) {
            return false;
        }
    }
    tuple.v6 = source_v6;
    if (tuple.is_icmp()) {
        tuple.destination_port = static_cast<uint16_t>(type << 8 | code);
    }
    return source && destination && source_v6 == destination_v6;
}

bool parse_tcp_state(std::string_view text, TcpState& state) {
    for (size_t i = 0; i < tcp_state_count; i++) {
        if (text == to_string(static_cast<TcpState>(i))) {
            state = static_cast<TcpState>(i);
            return true;
        }
    }
    return false;
}

void parse_tcp_flags(std::string_view text, TcpPeer& peer) {
    peer.scaled = text.find("WINDOW_SCALE") != std::string_view::npos;
    peer.liberal = text.find("BE_LIBERAL") != std::string_view::npos;
}

bool parse_protoinfo(std::string_view text, uint8_t protocol, TcpPeer (&peer)[2], std::string& unknown) {
    if (!unwrap(text)) {
        return false;
    }
    if (protocol != IPPROTO_TCP) {
        unknown = text.empty() ? unknown : "protoinfo";
        return true;
    }
    bool original = false, reply = false;
    while (!text.empty()) {
        auto [key, value] = split(next_element(text));
        bool good = true;
        if (key == "state_orig") {
            good = original = parse_tcp_state(value, peer[0].state);
        } else if (key == "state_reply") {
            good = reply = parse_tcp_state(value, peer[1].state);
        } else if (key == "wscale_orig") {
            good = parse_number(value, peer[0].window_scale);
        } else if (key == "wscale_reply") {
            good = parse_number(value, peer[1].window_scale);
        } else if (key == "flags_orig") {
            parse_tcp_flags(value, peer[0]);
        } else if (key == "flags_reply") {
            parse_tcp_flags(value, peer[1]);
        } else {
            unknown = key;
        }
        if (!good) {
            return false;
        }
    }
    return original && reply;
}

// "0x" and up to 32 hexadecimal digits.
bool parse_labels(std::string_view text, std::array<uint8_t, 16>& labels) {
    if (text.substr(0, 2) != "0x") {
        return false;
    }
    text.remove_prefix(2);
    labels = {};
    if (text.empty() || text.size() > 32) {
        return false;
    }
    size_t nibble = 32 - text.size();
    for (char c : text) {
        uint8_t digit = 0;
        auto [end, error] = std::from_chars(&c, &c + 1, digit, 16);
        if (error != std::errc()) {
            return false;
        }
        labels[nibble / 2] |= static_cast<uint8_t>(nibble % 2 ? digit : digit << 4);
        nibble++;
    }
    return true;
}

// The names of ct_dpif_format_ipproto(); any other protocol is printed as its number.
bool parse_protocol(std::string_view text, uint8_t& protocol) {
    static constexpr struct {
        std::string_view name;
        uint8_t number;
    } names[] = {
        {"tcp", IPPROTO_TCP},         {"udp", IPPROTO_UDP},   {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},
        {"sctp", IPPROTO_SCTP},       {"igmp", IPPROTO_IGMP}, {"dccp", IPPROTO_DCCP}, {"udplite", IPPROTO_UDPLITE},
    };
    for (const auto& name : names) {
        if (text == name.name) {
            protocol = name.number;
            return true;
        }
    }
    return parse_number(text, protocol);
}

// False when 'line' is not a connection.
bool parse_line(std::string_view line, Connection& connection) {
    uint8_t protocol = 0;
    if (line.size() > conntrack_line_limit_bytes || !parse_protocol(next_element(line), protocol)) {
        return false;
    }
    connection.original.protocol = connection.reply.protocol = protocol;
    bool original = false, reply = false, protoinfo = protocol != IPPROTO_TCP;
    while (!line.empty()) {
        auto [key, value] = split(next_element(line));
        bool good = true;
        if (key == "orig") {
            good = original = parse_tuple(value, connection.original, connection.unknown);
        } else if (key == "reply") {
            good = reply = parse_tuple(value, connection.reply, connection.unknown);
        } else if (key == "zone") {
            good = parse_number(value, connection.zone);
        } else if (key == "timeout") {
            good = parse_number(value, connection.timeout_s);
        } else if (key == "mark") {
            good = parse_number(value, connection.mark);
        } else if (key == "labels") {
            good = parse_labels(value, connection.labels);
        } else if (key == "protoinfo") {
            good = parse_protoinfo(value, protocol, connection.peer, connection.unknown);
            protoinfo = true;
        } else if (key == "helper") {
            connection.helper = value;
        } else if (key == "parent") {
            connection.related = true;
        } else if (!is_passed_over(key)) {
            connection.unknown = key;
        }
        if (!good) {
            return false;
        }
    }
    return original && reply && protoinfo && connection.original.v6 == connection.reply.v6;
}

Error bad_line(std::string_view line) {
    constexpr size_t shown = 300;
    return make_error("connection tracking dump: cannot understand '{}{}'", line.substr(0, shown), line.size() > shown ? "..." : "");
}

}  // namespace

Result<Connection> parse_connection(std::string_view line) {
    Connection connection;
    if (!parse_line(line, connection)) {
        return bad_line(line);
    }
    return connection;
}

Status parse_conntrack_dump(std::string_view text, const std::function<void(const Connection&)>& each) {
    while (!text.empty()) {
        size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty()) {
            continue;
        }
        Connection connection;
        if (!parse_line(line, connection)) {
            return bad_line(line);
        }
        each(connection);
    }
    return {};
}

Result<size_t> parse_connection_count(std::string_view text) {
    size_t begin = text.find_first_of("0123456789");
    size_t count = 0;
    if (begin == std::string_view::npos ||
        std::from_chars(text.data() + begin, text.data() + text.size(), count).ec != std::errc()) {
        return make_error("number of connections: cannot understand '{}'", text.substr(0, 100));
    }
    return count;
}

}  // namespace hitless::state
