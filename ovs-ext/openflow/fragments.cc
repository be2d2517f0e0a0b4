#include "base/openvswitch.h"

#include <openvswitch/ofp-switch.h>

#include "openflow/fragments.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

Result<uint16_t> read_fragment_handling(Connection& connection) {
    auto replies = TRY(connection.request(to_message(ofpraw_alloc(OFPRAW_OFPT_GET_CONFIG_REQUEST, OFP15_VERSION, 0))));
    const auto* reply = reinterpret_cast<const ofp_header*>(replies.front().data());
    ofptype type;
    if (ofptype_decode(&type, reply) || type != OFPTYPE_GET_CONFIG_REPLY) {
        return make_error("bridge {}: switch configuration: unreadable answer", connection.name());
    }
    ofputil_switch_config config{};
    ofputil_decode_get_config_reply(reply, &config);
    return static_cast<uint16_t>(config.frag);
}

// The rest of a switch's configuration is the session's own: as it is in a new one, which is sent no packets.
Message set_fragment_handling(uint16_t handling) {
    ofputil_switch_config config{};
    config.frag = static_cast<ofputil_frag_handling>(handling);
    config.invalid_ttl_to_controller = -1;
    config.miss_send_len = 0;
    return to_message(ofputil_encode_set_config(&config, OFP15_VERSION));
}

std::string describe_fragment_handling(uint16_t handling) {
    return ofputil_frag_handling_to_string(static_cast<ofputil_frag_handling>(handling));
}

}  // namespace hitless::openflow
