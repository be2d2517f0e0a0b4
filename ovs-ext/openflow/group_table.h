// Groups in canonical form: what a switch tells of them (OFPMP_GROUP_DESC of OpenFlow 1.5), as the group mod that makes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "openflow/connection.h"

namespace hitless::openflow {

struct Group {
    uint32_t id;
    std::string group_mod;   // OFPT_GROUP_MOD with OFPGC15_ADD and transaction id 0
};

// All groups, in the order of their ids.
Result<std::vector<Group>> read_groups(Connection& connection);

// Appends the messages that make all of these groups, none of which are there, then give the 'changed' ones, which are, their
// new content. Groups that refer to each other, in a circle too, are made in two steps: the switch refuses a reference to a
// group that is not there.
void append_group_changes(const std::vector<std::string_view>& added, const std::vector<std::string_view>& changed,
                          std::vector<Message>& messages);
// The switch also removes the flows that refer to the group.
Message group_removal(std::string_view group_mod);

// As ovs-ofctl dump-groups prints it.
std::string describe_group(std::string_view group_mod);

}  // namespace hitless::openflow
