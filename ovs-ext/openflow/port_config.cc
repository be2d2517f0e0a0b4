#include "base/openvswitch.h"

#include "openflow/port_config.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

namespace {

constexpr struct {
    uint32_t bit;
    const char* word;
} bits[] = {
    {OFPUTIL_PC_NO_STP, "no-stp"},         {OFPUTIL_PC_NO_RECV, "no-receive"}, {OFPUTIL_PC_NO_RECV_STP, "no-receive-stp"},
    {OFPUTIL_PC_NO_FLOOD, "no-flood"},     {OFPUTIL_PC_NO_FWD, "no-forward"},  {OFPUTIL_PC_NO_PACKET_IN, "no-packet-in"},
};

constexpr uint32_t all_bits() {
    uint32_t all = 0;
    for (const auto& one : bits) {
        all |= one.bit;
    }
    return all;
}

}  // namespace

Result<std::vector<PortConfig>> read_port_configs(Connection& connection, Version version) {
    auto wire = static_cast<ofp_version>(version);
    auto replies = TRY(connection.request(to_message(ofputil_encode_port_desc_stats_request(wire, OFPP_ANY))));
    std::vector<PortConfig> ports;
    for (const Message& reply : replies) {
        ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
        ofpraw raw;
        if (ofpraw_pull(&raw, &content)) {
            return make_error("bridge {}: malformed answer on ports", connection.name());
        }
        for (;;) {
            ofputil_phy_port port;
            int error = ofputil_pull_phy_port(wire, &content, &port);
            if (error == EOF) {
                break;
            }
            if (error) {
                return make_error("bridge {}: port in a form unknown here: {}", connection.name(),
                                  ofperr_get_name(static_cast<ofperr>(error)));
            }
            PortConfig config{static_cast<uint32_t>(port.port_no), port.config & all_bits(), port.name, {}};
            std::memcpy(config.address, port.hw_addr.ea, sizeof config.address);
            ports.push_back(std::move(config));
        }
    }
    std::sort(ports.begin(), ports.end(), [](const auto& a, const auto& b) { return a.port < b.port; });
    return ports;
}

Message port_mod(const PortConfig& port, uint32_t config, Version version) {
    ofputil_port_mod mod{};
    mod.port_no = static_cast<ofp_port_t>(port.port);
    std::memcpy(mod.hw_addr.ea, port.address, sizeof port.address);
    mod.config = static_cast<ofputil_port_config>(config);
    mod.mask = static_cast<ofputil_port_config>(all_bits());
    return to_message(ofputil_encode_port_mod(
        &mod, version == Version::openflow10 ? OFPUTIL_P_OF10_STD : OFPUTIL_P_OF15_OXM));
}

std::string port_config_words(uint32_t config) {
    std::string words;
    for (const auto& one : bits) {
        if (config & one.bit) {
            words += (words.empty() ? "" : " ") + std::string(one.word);
        }
    }
    return words;
}

}  // namespace hitless::openflow
