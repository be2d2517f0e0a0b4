// What a "select" operation has found.
#pragma once

#include <json/value.h>

#include <map>
#include <string>

namespace hitless::ovsdb {

using Rows = std::map<std::string, Json::Value>;   // by uuid

// Of a "select" with the column _uuid among others.
inline Rows rows_by_uuid(const Json::Value& result) {
    Rows rows;
    for (const auto& row : result["rows"]) {
        rows[row["_uuid"][1].asString()] = row;
    }
    return rows;
}

}  // namespace hitless::ovsdb
