// Any bytes may be what a switch tells of its flows: refused, or flows that are what they say, and stay so.
#include "base/openvswitch.h"

#include <cstdlib>

#include "openflow/flow_table.h"
#include "openflow/nxm_flows.h"

namespace {

using namespace hitless::openflow;

void check(const Flow& flow) {
    if (flow_key(flow.flow_mod) != flow.key || flow_key(with_timeouts(flow.flow_mod, {})) != flow.key) {
        std::abort();
    }
    std::vector<Message> messages;
    append_flow_add(flow.flow_mod, true, messages);
    (void) describe_flow(flow.flow_mod);
    (void) learned_by(flow.flow_mod);
    (void) (learns(flow.flow_mod) || shortens_timeouts(flow.flow_mod) || names_helper(flow.flow_mod));
}

// The same with the length that it has, so that more than its header is looked at.
std::vector<uint8_t> with_length(std::span<const uint8_t> message) {
    std::vector<uint8_t> whole(message.begin(), message.end());
    if (whole.size() >= 4) {
        whole[2] = static_cast<uint8_t>(whole.size() >> 8);
        whole[3] = static_cast<uint8_t>(whole.size());
    }
    return whole;
}

}  // namespace

// The first byte says what the others are: an update of a flow monitor, a reply on flows in OpenFlow 1.0, or else one in OpenFlow 1.5.
// Without a session, as fuzz_openflow has one, it tries many more in the same time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const FlowReader reader;
    if (!size) {
        return 0;
    }
    std::span<const uint8_t> rest(data + 1, size - 1);
    if (data[0] == 'e') {
        (void) reader.events(with_length(rest)).ok();
    } else if (data[0] == 'n') {
        (void) for_each_nxm_flow(with_length(rest), [](const NxmFlow& flow) { (void) flow.decode(); });
    } else if (auto flows = reader.flows_in(with_length(rest))) {
        for (const Flow& flow : *flows) {
            check(flow);
        }
    }
    return 0;
}
