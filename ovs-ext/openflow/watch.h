// Connections of their own on which a switch tells of changes.
#pragma once

#include <string>

#include "openflow/connection.h"

namespace hitless::openflow {

// All flows of all tables: the handler gets flow updates (flow_table.h). An Error where the switch has no flow monitors in the
// form of OpenFlow 1.4 (before Open vSwitch 2.16).
Result<Connection> watch_flows(const std::string& path, const std::string& bridge, Connection::EventHandler handler);
// The handler has been told of all changes up to now. Without this a flow that a packet-out has the switch learn is not told of
// before another one changes (measured; handle_packet_out() in ofproto.c of OVS 3.1 does not call ofmonitor_flush()).
Status tell_of_flows(Connection& watch);

// The group mods, or the meter mods, of others: the handler gets OFPT_REQUESTFORWARD messages.
enum class Forwarded { GroupMods, MeterMods };
Result<Connection> watch_requests(const std::string& path, const std::string& bridge, Forwarded forwarded,
                                  Connection::EventHandler handler);
bool is_forwarded_request(std::span<const uint8_t> message);

}  // namespace hitless::openflow
