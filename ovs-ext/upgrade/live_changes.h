// Changes of the operator's configuration while B is the active instance: they reach B at once (ovsdb/replicator.h), their ports get
// legs, and before the way back the pair knows of them.
//
// Controllers are not among them: B keeps those that the bridges had when the upgrade began, a new bridge has none on B.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "upgrade/phases.h"

namespace hitless::upgrade {

// From now on, until pair.replicator is stopped.
Status follow_changes(Pair& pair, const Places& places);

// Before B's state is copied to A, which runs: waits until A has taken the configuration, and brings what the pair knows of the
// switch (bridges, ports, sockets) up to date. Error when A has other OpenFlow port numbers than B: the flows would mean
// other ports.
Status catch_up(Step& step);

// Names and OpenFlow port numbers of the ports of which "ovs-appctl dpif/show" tells in lines "    eth1 1/2: (system)".
std::map<std::string, int64_t> ports_shown(std::string_view dpif_show);

// Before the hold, with the replicator stopped: an Error when bridges came or went since the copy began, of which nothing has been
// copied.
Status check_same_bridges(Step& step);

}  // namespace hitless::upgrade
