#include "base/openvswitch.h"

#include "openflow/tlv_table.h"

#include "openflow/buffers.h"
#include "openvswitch/ofp-match.h"

namespace hitless::openflow {

Result<std::vector<TlvMapping>> read_tlv_table(Connection& connection) {
    auto reply = TRY(connection.request(to_message(ofpraw_alloc(OFPRAW_NXT_TLV_TABLE_REQUEST, OFP15_VERSION, 0))));
    ofputil_tlv_table_reply decoded;
    if (ofperr error = ofputil_decode_tlv_table_reply(reinterpret_cast<const ofp_header*>(reply.front().data()), &decoded);
        error) {
        return make_error("bridge {}: TLV map: unreadable answer: {}", connection.name(), ofperr_get_name(error));
    }
    std::vector<TlvMapping> mappings;
    const ofputil_tlv_map* map;
    LIST_FOR_EACH (map, list_node, &decoded.mappings) {
        mappings.push_back({map->index, map->option_class, map->option_type, map->option_len});
    }
    ofputil_uninit_tlv_table(&decoded.mappings);
    std::sort(mappings.begin(), mappings.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    return mappings;
}

Message tlv_table_mod(TlvCommand command, const std::vector<TlvMapping>& mappings) {
    std::vector<ofputil_tlv_map> nodes(mappings.size());
    ofputil_tlv_table_mod mod{};
    mod.command = static_cast<uint16_t>(command);
    ovs_list_init(&mod.mappings);
    for (size_t i = 0; i < mappings.size(); ++i) {
        nodes[i].index = mappings[i].index;
        nodes[i].option_class = mappings[i].option_class;
        nodes[i].option_type = mappings[i].option_type;
        nodes[i].option_len = mappings[i].option_length;
        ovs_list_push_back(&mod.mappings, &nodes[i].list_node);
    }
    return to_message(ofputil_encode_tlv_table_mod(OFP15_VERSION, &mod));
}

}  // namespace hitless::openflow
