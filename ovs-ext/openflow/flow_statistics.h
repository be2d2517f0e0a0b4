// Requests for flows and for totals of flows, in any version of OpenFlow. For .cc files of this folder, which include base/openvswitch.h
// first.
#pragma once

#include "openflow/connection.h"
#include "openflow/statistics.h"

namespace hitless::openflow {

// For all flows of all tables that match on at least what 'least' does; 'aggregate': for their totals.
Message flow_statistics_request(const match& least, bool aggregate, ofputil_protocol protocol);

// The totals of such flows. 'protocol' is one of the connection's version.
Result<FlowTotals> read_flow_totals(Connection& connection, const match& least, ofputil_protocol protocol);

}  // namespace hitless::openflow
