// Actions of which OpenFlow 1.5 tells something else, or which it does not take back, because they are those of OpenFlow 1.0:
//
// * mod_vlan_vid and mod_vlan_pcp push a tag where the packet has none. OpenFlow 1.5 tells "push_vlan,set_field", which always pushes one.
// * enqueue goes back to the queue before it; "set_queue,output,pop_queue" to none.
// * What changes a field of a protocol (mod_nw_dst, dec_ttl, pop_mpls...) needs no match on that protocol; OpenFlow 1.5 refuses it.
//
// A Flow with such actions has them, in OpenFlow 1.0's form, in an instruction of our own, which no switch knows: it is loaded by a
// message of OpenFlow 1.0.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "openflow/flow_table.h"

namespace hitless::openflow {

// The actions of OpenFlow 1.0 that a Flow has; none: it has instructions of OpenFlow 1.5.
std::optional<std::string_view> old_actions_of(std::string_view flow_mod);

// The flow mod of OpenFlow 1.0 (NXM, with a table) for a Flow that has old actions; an Error where they cannot be decoded.
Result<Message> old_flow_add(std::string_view flow_mod);
// What has to be sent once in a session before such messages.
Message allow_old_flow_adds();

// Whether a flow of which OpenFlow 1.5 tells 'flow_mod' may have old actions. Costs microseconds: not to be asked where its instructions
// are plain (instructions.h).
bool may_have_old_actions(std::string_view flow_mod, const vl_mff_map* fields);

// FlowReader::restore_old_actions().
void restore_old_actions(std::string_view text, std::span<Flow> flows, const vl_mff_map* fields);

}  // namespace hitless::openflow
