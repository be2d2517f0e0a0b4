#include "base/openvswitch.h"

#include "openflow/decoded_flow.h"

#include "openflow/buffers.h"
#include "openflow/old_actions.h"

namespace hitless::openflow {

namespace {

// Whether a flow's actions fit its match is asked here; the library warns in the log, too, where they do not.
bool keep_library_quiet() {
    vlog_set_levels(vlog_module_from_name("ofp_actions"), VLF_ANY_DESTINATION, VLL_ERR);
    return true;
}

}  // namespace

DecodedFlow::DecodedFlow(std::string_view message, const vl_mff_map* fields) {
    [[maybe_unused]] static const bool quiet = keep_library_quiet();
    ofpbuf_use_stub(&actions_, stub_, sizeof stub_);
    auto old = old_actions_of(message);
    if (!old) {
        decode(message, fields);
        return;
    }
    bare_ = with_instructions(message, {});
    decode(bare_, fields);
    if (error) {
        return;
    }
    ofpbuf content = ofpbuf_const_initializer(old->data(), old->size());
    error = ofpacts_pull_openflow_actions(&content, old->size(), OFP10_VERSION, fields, &mod.ofpacts_tlv_bitmap, &actions_);
    if (error) {
        minimatch_destroy(&mod.match);
    }
    mod.ofpacts = static_cast<ofpact*>(actions_.data);
    mod.ofpacts_len = actions_.size;
}

DecodedFlow::~DecodedFlow() {
    if (!error) {
        minimatch_destroy(&mod.match);
    }
    ofpbuf_uninit(&actions_);
}

std::string key_of(const minimatch& match, uint16_t priority, uint8_t table) {
    ofputil_flow_mod mod{};
    mod.match = match;
    mod.priority = priority;
    mod.table_id = table;
    mod.command = OFPFC_ADD;
    return flow_key(to_bytes(ofputil_encode_flow_mod(&mod, OFPUTIL_P_OF15_OXM)));
}

void DecodedFlow::decode(std::string_view message, const vl_mff_map* fields) {
    error = ofputil_decode_flow_mod(&mod, reinterpret_cast<const ofp_header*>(message.data()), OFPUTIL_P_OF15_OXM, nullptr, fields,
                                    &actions_, OFPP_MAX, 255);
}

}  // namespace hitless::openflow
