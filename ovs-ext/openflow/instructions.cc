#include "base/openvswitch.h"

#include "openflow/instructions.h"

namespace hitless::openflow {

CanonicalInstructions::CanonicalInstructions(const vl_mff_map* fields)
    : fields_(fields), actions_(ofpbuf_new(1024)), written_(ofpbuf_new(1024)) {}

std::string_view CanonicalInstructions::of(std::string_view instructions) {
    Remembered& one = remembered_[std::hash<std::string_view>()(instructions) % remembered_.size()];
    if (one.given != instructions) {   // empty in the beginning, and so are those of a flow that drops
        one.given = instructions;
        canonicalize(one);
    }
    return one.canonical;
}

void CanonicalInstructions::canonicalize(Remembered& one) {
    ofpbuf content = ofpbuf_const_initializer(one.given.data(), one.given.size());
    uint64_t tlv_fields = 0;
    ofpbuf_clear(actions_.get());
    if (ofpacts_pull_openflow_instructions(&content, one.given.size(), OFP15_VERSION, fields_, &tlv_fields, actions_.get())) {
        one.canonical = one.given;
        return;
    }
    ofpbuf_clear(written_.get());
    ofpacts_put_openflow_instructions(static_cast<const ofpact*>(actions_->data), actions_->size, written_.get(), OFP15_VERSION);
    one.canonical.assign(static_cast<const char*>(written_->data), written_->size);
}

}  // namespace hitless::openflow
