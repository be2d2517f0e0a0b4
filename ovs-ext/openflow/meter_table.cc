#include "base/openvswitch.h"

#include "openflow/meter_table.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

Result<std::vector<Meter>> read_meters(Connection& connection) {
    auto replies = TRY(connection.request(
        to_message(ofputil_encode_meter_request(OFP15_VERSION, OFPUTIL_METER_CONFIG, OFPM13_ALL))));
    std::vector<Meter> meters;
    Buffer bands(ofpbuf_new(256));
    for (const Message& reply : replies) {
        ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
        for (;;) {
            ofputil_meter_mod mod{};
            mod.command = OFPMC13_ADD;
            int error = ofputil_decode_meter_config(&content, &mod.meter, bands.get());
            if (error == EOF) {
                break;
            }
            if (error) {
                return make_error("bridge {}: meter in a form unknown here: {}", connection.name(),
                                  ofperr_get_name(static_cast<ofperr>(error)));
            }
            meters.push_back({mod.meter.meter_id, to_bytes(ofputil_encode_meter_mod(OFP15_VERSION, &mod))});
        }
    }
    std::sort(meters.begin(), meters.end(), [](const Meter& a, const Meter& b) { return a.id < b.id; });
    return meters;
}

Message meter_change(std::string_view meter_mod, MeterCommand command) {
    Message message = to_message(meter_mod);
    uint16_t value = htons(static_cast<uint16_t>(command));
    std::memcpy(message.data() + sizeof(ofp_header) + offsetof(ofp13_meter_mod, command), &value, sizeof value);
    return message;
}

std::string describe_meter(std::string_view meter_mod) {
    std::string text = to_text(meter_mod);   // "OFPT_METER_MOD (OF1.5) (xid=0x0): ADD meter=1 ..."
    size_t start = text.find("meter=");
    return start == std::string::npos ? text : text.substr(start);
}

}  // namespace hitless::openflow
