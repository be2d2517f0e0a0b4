#include "probe/flow_spec.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <set>

namespace hitless::probe {

uint16_t Address::port() const {
    return ntohs(family() == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                                      : reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

void Address::set_port(uint16_t port) {
    (family() == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(storage).sin6_port
                          : reinterpret_cast<sockaddr_in&>(storage).sin_port) = htons(port);
}

std::string Address::to_string() const {
    char text[INET6_ADDRSTRLEN] = "?";
    if (family() == AF_INET6) {
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text, sizeof text);
        return fmt::format("[{}]:{}", text, port());
    }
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, port());
}

bool Address::operator==(const Address& other) const {
    if (family() != other.family() || port() != other.port()) {
        return false;
    }
    if (family() == AF_INET6) {
        return std::memcmp(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr,
                           &reinterpret_cast<const sockaddr_in6&>(other.storage).sin6_addr, sizeof(in6_addr)) == 0;
    }
    return reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in&>(other.storage).sin_addr.s_addr;
}

Result<Address> make_address(const std::string& text, uint16_t port) {
    Address address;
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        address.length = sizeof v4;
    } else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        address.length = sizeof v6;
    } else {
        return make_error("'{}' is not an IPv4 or IPv6 address", text);
    }
    return address;
}

namespace {

Result<uint16_t> parse_number(const std::string& key, const std::string& text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > 65535) {
        return make_error("{}={}: is not a number from 1 to 65535", key, text);
    }
    return static_cast<uint16_t>(value);
}

Result<std::map<std::string, std::string>> split(const std::string& text) {
    std::map<std::string, std::string> fields;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find(',', at), text.size());
        const std::string field = text.substr(at, end - at);
        const size_t equals = field.find('=');
        const std::string key = field.substr(0, equals);
        const bool flag = key == "both";
        static const std::set<std::string> with_value = {"from", "to", "src", "dst", "sport", "dport", "flows"};
        const bool known = with_value.contains(key);
        if (!known && !flag) {
            return make_error("unknown field '{}' (from, to, src, dst, sport, dport, flows, both are known)", field);
        }
        if (flag != (equals == std::string::npos)) {
            return make_error("field '{}': {}", field, flag ? "takes no value" : "needs a value");
        }
        if (!fields.emplace(key, flag ? "" : field.substr(equals + 1)).second) {
            return make_error("field '{}' is given twice", key);
        }
        at = end + 1;
    }
    return fields;
}

}  // namespace

Result<FlowSpec> parse_flow(const std::string& text, uint16_t default_port) {
    const auto parse = [&]() -> Result<FlowSpec> {
        const auto fields = TRY(split(text));
        const auto get = [&](const char* key) -> std::optional<std::string> {
            const auto found = fields.find(key);
            return found == fields.end() ? std::nullopt : std::optional(found->second);
        };
        if (!get("src") || !get("dst")) {
            return make_error("src= and dst= are needed");
        }
        const auto number = [&](const char* key, uint16_t absent) -> Result<uint16_t> {
            return get(key) ? parse_number(key, *get(key)) : Result<uint16_t>(absent);
        };
        const uint16_t sport = TRY(number("sport", default_port)), dport = TRY(number("dport", default_port));
        FlowSpec spec;
        spec.flows = TRY(number("flows", 1));
        spec.from = get("from").value_or("");
        spec.to = get("to").value_or("");
        spec.source = TRY(make_address(*get("src"), sport));
        spec.destination = TRY(make_address(*get("dst"), dport));
        spec.both = get("both").has_value();
        if (spec.source.family() != spec.destination.family()) {
            return make_error("src and dst are of different address families");
        }
        if (sport + spec.flows > 65536u) {
            return make_error("flows={}: there are not so many ports from {} on", spec.flows, sport);
        }
        return spec;
    };
    auto result = parse();
    if (!result.ok()) {
        return fmt::format("flow '{}'", text) / result.error();
    }
    return result;
}

std::vector<FlowSpec> expand(const FlowSpec& spec) {
    std::vector<FlowSpec> flows(spec.flows, spec);
    for (unsigned i = 0; i < spec.flows; ++i) {
        flows[i].flows = 1;
        flows[i].source.set_port(static_cast<uint16_t>(spec.source.port() + i));
    }
    return flows;
}

}  // namespace hitless::probe
