#include "base/openvswitch.h"

#include "openflow/instructions.h"

namespace hitless::openflow {

namespace {

// Of those for which ofpacts_check() looks at the match, and those that OpenFlow 1.0 has in another form.
bool is_plain(const ofpact* action) {
    switch (action->type) {
    case OFPACT_SET_FIELD:
    case OFPACT_REG_MOVE:
        return ofpact_get_mf_dst(action)->prereqs == MFP_NONE &&
               (action->type != OFPACT_REG_MOVE || ofpact_get_REG_MOVE(action)->src.field->prereqs == MFP_NONE);
    case OFPACT_SET_VLAN_VID:
    case OFPACT_SET_VLAN_PCP:
    case OFPACT_STRIP_VLAN:
    case OFPACT_PUSH_VLAN:
    case OFPACT_SET_IPV4_SRC:
    case OFPACT_SET_IPV4_DST:
    case OFPACT_SET_IP_DSCP:
    case OFPACT_SET_IP_ECN:
    case OFPACT_SET_IP_TTL:
    case OFPACT_SET_L4_SRC_PORT:
    case OFPACT_SET_L4_DST_PORT:
    case OFPACT_DEC_TTL:
    case OFPACT_SET_MPLS_LABEL:
    case OFPACT_SET_MPLS_TC:
    case OFPACT_SET_MPLS_TTL:
    case OFPACT_DEC_MPLS_TTL:
    case OFPACT_PUSH_MPLS:
    case OFPACT_POP_MPLS:
    case OFPACT_POP_QUEUE:
        return false;
    default:
        return true;
    }
}

}  // namespace

CanonicalInstructions::CanonicalInstructions(const vl_mff_map* fields)
    : fields_(fields), actions_(ofpbuf_new(1024)), written_(ofpbuf_new(1024)) {}

Instructions CanonicalInstructions::of(std::string_view instructions) {
    Remembered& one = remembered_[std::hash<std::string_view>()(instructions) % remembered_.size()];
    if (one.given != instructions) {   // empty in the beginning, and so are those of a flow that drops
        one.given = instructions;
        canonicalize(one);
    }
    return {one.canonical, one.plain};
}

void CanonicalInstructions::canonicalize(Remembered& one) {
    ofpbuf content = ofpbuf_const_initializer(one.given.data(), one.given.size());
    uint64_t tlv_fields = 0;
    ofpbuf_clear(actions_.get());
    if (ofpacts_pull_openflow_instructions(&content, one.given.size(), OFP15_VERSION, fields_, &tlv_fields, actions_.get())) {
        one.canonical = one.given;
        one.plain = true;
        return;
    }
    one.plain = true;
    const ofpact* action;
    OFPACT_FOR_EACH_FLATTENED (action, static_cast<const ofpact*>(actions_->data), actions_->size) {
        one.plain = one.plain && is_plain(action);
    }
    ofpbuf_clear(written_.get());
    ofpacts_put_openflow_instructions(static_cast<const ofpact*>(actions_->data), actions_->size, written_.get(), OFP15_VERSION);
    one.canonical.assign(static_cast<const char*>(written_->data), written_->size);
}

}  // namespace hitless::openflow
