// Any text may come as what a switch prints of a bridge's flows: each flow keeps what OpenFlow 1.5 tells of it, or gets actions that can be
// loaded.
#include "base/openvswitch.h"

#include "openflow/old_actions.h"

#include <cstdlib>
#include <cstring>

#include "openflow/buffers.h"

namespace {

using namespace hitless::openflow;

Flow flow_of(const char* text) {
    ofputil_flow_mod mod{};
    ofputil_protocol usable;
    if (parse_ofp_flow_mod_str(&mod, text, nullptr, nullptr, OFPFC_ADD, &usable)) {
        std::abort();
    }
    std::string bytes = to_bytes(ofputil_encode_flow_mod(&mod, OFPUTIL_P_OF15_OXM));
    minimatch_destroy(&mod.match);
    std::free(const_cast<ofpact*>(mod.ofpacts));
    return {flow_key(bytes), bytes, 0, true};
}

// The corpus has lines of them.
const std::vector<Flow>& flows() {
    static const std::vector<Flow> all = {
        flow_of("table=0,priority=1,in_port=1,actions=mod_vlan_vid:10,output:2"),
        flow_of("table=6,priority=5,ip,nw_dst=10.0.0.1,actions=mod_nw_dst:10.0.0.2,dec_ttl,resubmit(,7)"),
        flow_of("table=0,priority=65535,tcp,in_port=2,actions=enqueue:3:1,fin_timeout(idle_timeout=5)"),
        flow_of("table=3,priority=0,actions=drop"),
    };
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto changed = flows();
    restore_old_actions({reinterpret_cast<const char*>(data), size}, changed, nullptr);
    for (size_t i = 0; i < changed.size(); i++) {
        const std::string& flow_mod = changed[i].flow_mod;
        if (flow_mod != flows()[i].flow_mod && (!old_actions_of(flow_mod) || !old_flow_add(flow_mod))) {
            std::abort();
        }
        (void) describe_flow(flow_mod);
        (void) may_have_old_actions(flow_mod, nullptr);
    }
    return 0;
}
