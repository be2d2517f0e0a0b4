#include "state/port_config.h"

#include <algorithm>

#include "state/bridge_key.h"

namespace hitless::state {

namespace {

struct Ports {
    openflow::Connection connection;
    openflow::Version version;
    std::vector<openflow::PortConfig> list;
};

Result<Ports> read_ports(instance::Control& of, const std::string& bridge) {
    auto path = of.paths().mgmt.find(bridge);
    if (path == of.paths().mgmt.end()) {
        return make_error("bridge {}: instance {} has none", bridge, to_string(of.side()));
    }
    auto version = openflow::Version::openflow10;
    auto connection = openflow::Connection::open(path->second, bridge, std::chrono::seconds(10), version);
    if (!connection) {
        version = openflow::Version::openflow15;
        connection = openflow::Connection::open(path->second, bridge, std::chrono::seconds(10), version);
    }
    if (!connection) {
        return connection.error();
    }
    auto list = TRY(openflow::read_port_configs(*connection, version));
    return Ports{std::move(*connection), version, std::move(list)};
}

// The bits, in network order.
std::string value_of(uint32_t config) {
    return {static_cast<char>(config >> 24), static_cast<char>(config >> 16), static_cast<char>(config >> 8),
            static_cast<char>(config)};
}

uint32_t config_of(const Entry& entry) {
    uint32_t config = 0;
    for (char byte : entry.value) {
        config = config << 8 | static_cast<uint8_t>(byte);
    }
    return config;
}

}  // namespace

Status PortConfig::append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) {
    for (const auto& port : TRY(read_ports(from, bridge)).list) {
        if (port.config) {
            snapshot.push_back({bridge_key(bridge, port.port), value_of(port.config)});
        }
    }
    return {};
}

Status PortConfig::load(instance::Control& to, const Changes& changes) {
    for (const auto& [bridge, part] : by_bridge(changes)) {
        Ports ports = TRY(read_ports(to, bridge));
        std::vector<openflow::Message> messages;
        auto append = [&, &bridge = bridge](const Entry& entry, uint32_t config) -> Status {   // clang 14 captures no bindings
            auto port = std::ranges::find(ports.list, number_of(entry), &openflow::PortConfig::port);
            if (port == ports.list.end()) {
                return make_error("bridge {}: instance {} has no port {}", bridge, to_string(to.side()), number_of(entry));
            }
            messages.push_back(openflow::port_mod(*port, config, ports.version));
            return {};
        };
        for (const auto* entries : {&part.add, &part.change}) {
            for (const Entry* entry : *entries) {
                TRY(append(*entry, config_of(*entry)));
            }
        }
        for (const Entry* entry : part.remove) {
            TRY(append(*entry, 0));
        }
        TRY(ports.connection.send(messages));
    }
    return {};
}

std::string PortConfig::describe(const Entry& entry) const {
    return fmt::format("{}: port {}: {}", bridge_of(entry), number_of(entry), openflow::port_config_words(config_of(entry)));
}

}  // namespace hitless::state
