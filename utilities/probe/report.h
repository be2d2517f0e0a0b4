// What a measurement says, for programs and for people. The JSON form is documented in ovs-hitless-probe(8).
#pragma once

#include <json/value.h>

#include <string>

#include "base/result.h"
#include "probe/run.h"
#include "probe/tcp.h"

namespace hitless::probe {

Json::Value to_json(const RunReport& report);
std::string to_table(const RunReport& report);

Json::Value to_json(const TcpReport& report);
std::string to_table(const TcpReport& report);

// Whether no packet was lost, duplicated or reordered.
bool flawless(const RunReport& report);

// Replaces the file at 'path' in one step.
Status write_json(const std::string& path, const Json::Value& value);

}  // namespace hitless::probe
