// What a replicator carries between two databases Open_vSwitch, decided from what both contain. Pure: no I/O.
//
// It compares whole contents, not single changes: whatever was missed (a lost connection, a refused transaction) is made good
// by the next comparison.
#pragma once

#include <json/value.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace hitless::ovsdb {

using TableRows = std::map<std::string, Json::Value>;      // by uuid
using Contents = std::map<std::string, TableRows>;         // by table

// Brings 'contents' up to date with the table updates of monitor v1 (RFC 7047 section 4.1.6).
void apply_updates(Contents& contents, const Json::Value& table_updates);

using Columns = std::map<std::string, std::set<std::string>>;   // by table

// The columns that the replicator carries, in each direction: both schemas have them.
struct CarriedColumns {
    Columns configuration;   // operator's -> B's; not what is B's own (controllers, managers, SSL) nor status
    Columns status;          // B's -> operator's
};
CarriedColumns carried_columns(const Json::Value& operators_schema, const Json::Value& b_schema);

// 'configuration', and no columns of the other tables of 'status': of these is told which rows there are.
Columns with_rows_of(Columns configuration, const Columns& status);

// What a monitor of 'columns' asks for.
Json::Value monitor_requests(const Columns& columns);

// An interface that needs something on the host.
struct HostPort {
    std::string name;
    bool is_tap = false;   // internal ports (also LOCAL) and taps; else a device that exists already
    auto operator<=>(const HostPort&) const = default;
};

struct ConfigurationChange {
    std::vector<Json::Value> operations;   // on B's database
    std::vector<HostPort> removed, added;
};

// What makes B's configuration the operator's. 'root_tables' of the schema: their rows do not go by themselves.
ConfigurationChange configuration_change(const Contents& operators, const Contents& b, const Columns& configuration,
                                         const std::set<std::string>& root_tables);
std::set<std::string> root_tables(const Json::Value& schema);

// What makes the operator's status B's. 'carried' is the status that the operator's database has (carried or its own); it is
// brought up to date. Counters in 'statistics' go on from where the operator's stood: see counter_offsets().
using CounterOffsets = std::map<std::string, std::map<std::string, int64_t>>;   // interface's uuid -> counter -> offset
std::vector<Json::Value> status_change(const Contents& b, const Contents& operators, const Columns& status,
                                       const CounterOffsets& offsets, Contents& carried);

// For every counter that both have: operator's less B's.
CounterOffsets counter_offsets(const Contents& operators_status, const Contents& b_status);

}  // namespace hitless::ovsdb
