#include "base/openvswitch.h"

#include "openflow/instructions.h"

namespace hitless::openflow {

namespace {

// Those for which ofpacts_check() does not look at the match, and which OpenFlow 1.0 does not have in another form.
bool is_plain(const ofpact* action) {
    switch (action->type) {
    case OFPACT_SET_FIELD:
        return ofpact_get_mf_dst(action)->prereqs == MFP_NONE;
    case OFPACT_REG_MOVE:
        return ofpact_get_mf_dst(action)->prereqs == MFP_NONE && ofpact_get_REG_MOVE(action)->src.field->prereqs == MFP_NONE;
    case OFPACT_OUTPUT:
    case OFPACT_GROUP:
    case OFPACT_CONTROLLER:
    case OFPACT_BUNDLE:
    case OFPACT_SET_ETH_SRC:
    case OFPACT_SET_ETH_DST:
    case OFPACT_SET_TUNNEL:
    case OFPACT_SET_QUEUE:
    case OFPACT_RESUBMIT:
    case OFPACT_LEARN:
    case OFPACT_CONJUNCTION:
    case OFPACT_NOTE:
    case OFPACT_CT:
    case OFPACT_CT_CLEAR:
    case OFPACT_NAT:
    case OFPACT_CLONE:
    case OFPACT_METER:
    case OFPACT_CLEAR_ACTIONS:
    case OFPACT_WRITE_ACTIONS:
    case OFPACT_WRITE_METADATA:
    case OFPACT_GOTO_TABLE:
        return true;
    default:
        return false;
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
    one.plain = true;
    ofpbuf_clear(actions_.get());
    if (ofpacts_pull_openflow_instructions(&content, one.given.size(), OFP15_VERSION, fields_, &tlv_fields, actions_.get())) {
        one.canonical = one.given;
        return;
    }
    const ofpact* action;
    OFPACT_FOR_EACH_FLATTENED (action, static_cast<const ofpact*>(actions_->data), actions_->size) {
        one.plain = one.plain && is_plain(action);
    }
    ofpbuf_clear(written_.get());
    ofpacts_put_openflow_instructions(static_cast<const ofpact*>(actions_->data), actions_->size, written_.get(), OFP15_VERSION);
    one.canonical.assign(static_cast<const char*>(written_->data), written_->size);
}

}  // namespace hitless::openflow
