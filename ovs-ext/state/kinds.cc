#include "state/kinds.h"

#include "state/bonds.h"
#include "state/fdb.h"
#include "state/flows.h"
#include "state/fragments.h"
#include "state/generation.h"
#include "state/groups.h"
#include "state/mdb.h"
#include "state/meters.h"
#include "state/port_config.h"
#include "state/route_rules.h"
#include "state/table_config.h"
#include "state/tlv_map.h"
#include "state/tunnel_neighbours.h"
#include "state/tunnel_settings.h"
#include "state/user_routes.h"

namespace hitless::state {

Kinds all_kinds(KindOptions options) {
    Kinds kinds;
    kinds.list.push_back(std::make_unique<Generation>());
    kinds.list.push_back(std::make_unique<Fragments>());
    kinds.list.push_back(std::make_unique<PortConfig>());
    kinds.list.push_back(std::make_unique<TableConfig>());
    // Flows refer to groups, groups to meters, both to fields of the TLV map.
    kinds.list.push_back(std::make_unique<TlvMap>());
    kinds.list.push_back(std::make_unique<Meters>());
    kinds.list.push_back(std::make_unique<Groups>());
    kinds.list.push_back(std::make_unique<Flows>());
    kinds.sequence_check = options.sequence_check ? options.sequence_check : std::make_shared<SequenceCheck>();
    // Limits apply to what is loaded next.
    kinds.list.push_back(std::make_unique<ConntrackSettings>(kinds.sequence_check, options.zone_limits, std::move(options.commands)));
    auto conntrack = std::make_unique<Conntrack>(std::move(options.conntrack), kinds.sequence_check);
    kinds.conntrack = conntrack.get();
    kinds.list.push_back(std::move(conntrack));
    kinds.list.push_back(std::make_unique<Bonds>());   // before what is learnt by packets: the members that are not active drop some
    kinds.list.push_back(std::make_unique<Fdb>());
    kinds.list.push_back(std::make_unique<Mdb>());
    kinds.list.push_back(std::make_unique<UserRoutes>());
    kinds.list.push_back(std::make_unique<RouteRules>());
    kinds.list.push_back(std::make_unique<TunnelSettings>());   // before neighbours, whose time counts from their making
    kinds.list.push_back(std::make_unique<TunnelNeighbours>());
    return kinds;
}

}  // namespace hitless::state
