// OVSDB's notation of values (RFC 7047 section 5.1) <-> C++ types.
//
// For rows that a server has checked against its schema: a value of another shape than asked for reads as empty.
#pragma once

#include <json/value.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hitless::ovsdb {

using StringMap = std::map<std::string, std::string>;

namespace detail {
inline bool tagged(const Json::Value& value, const char* tag) {
    return value.isArray() && value.size() == 2 && value[0].isString() && value[0].asString() == tag;
}
inline Json::Value tag(const char* name, Json::Value content) {
    Json::Value value(Json::arrayValue);
    value.append(name);
    value.append(std::move(content));
    return value;
}
}  // namespace detail

// The elements of a set. A set of one element is sent as that element alone.
inline std::vector<Json::Value> elements(const Json::Value& value) {
    if (!detail::tagged(value, "set")) {
        return value.isNull() ? std::vector<Json::Value>{} : std::vector<Json::Value>{value};
    }
    return {value[1].begin(), value[1].end()};
}

inline std::vector<std::string> to_strings(const Json::Value& value) {
    std::vector<std::string> strings;
    for (const auto& element : elements(value)) {
        if (element.isString()) {
            strings.push_back(element.asString());
        }
    }
    return strings;
}

inline std::vector<int64_t> to_integers(const Json::Value& value) {
    std::vector<int64_t> integers;
    for (const auto& element : elements(value)) {
        if (element.isInt64()) {
            integers.push_back(element.asInt64());
        }
    }
    return integers;
}

// The UUIDs of a set of references.
inline std::vector<std::string> to_uuids(const Json::Value& value) {
    std::vector<std::string> uuids;
    for (const auto& element : elements(value)) {
        if (detail::tagged(element, "uuid") && element[1].isString()) {
            uuids.push_back(element[1].asString());
        }
    }
    return uuids;
}

// A column of at most one string, integer.
inline std::optional<std::string> to_optional_string(const Json::Value& value) {
    auto all = to_strings(value);
    return all.empty() ? std::nullopt : std::optional(all.front());
}
inline std::optional<int64_t> to_optional_integer(const Json::Value& value) {
    auto all = to_integers(value);
    return all.empty() ? std::nullopt : std::optional(all.front());
}

inline std::string to_text(const Json::Value& value) { return value.isString() ? value.asString() : std::string(); }
inline int64_t to_integer(const Json::Value& value) { return value.isInt64() ? value.asInt64() : 0; }
inline bool to_bool(const Json::Value& value) { return value.isBool() && value.asBool(); }

// The pairs of a map, as JSON; of a map of strings.
inline std::vector<std::pair<Json::Value, Json::Value>> pairs(const Json::Value& value) {
    std::vector<std::pair<Json::Value, Json::Value>> all;
    if (detail::tagged(value, "map")) {
        for (const auto& pair : value[1]) {
            if (pair.isArray() && pair.size() == 2) {
                all.emplace_back(pair[0], pair[1]);
            }
        }
    }
    return all;
}
inline StringMap to_map(const Json::Value& value) {
    StringMap map;
    for (const auto& [key, content] : pairs(value)) {
        if (key.isString() && content.isString()) {
            map[key.asString()] = content.asString();
        }
    }
    return map;
}

// And back.
inline Json::Value from_uuid(const std::string& uuid) { return detail::tag("uuid", uuid); }
inline Json::Value empty_set() { return detail::tag("set", Json::arrayValue); }
inline Json::Value from_elements(const std::vector<Json::Value>& all) {
    Json::Value content(Json::arrayValue);
    for (const auto& element : all) {
        content.append(element);
    }
    return detail::tag("set", content);
}
inline Json::Value from_strings(const std::vector<std::string>& strings) {
    return from_elements({strings.begin(), strings.end()});
}
inline Json::Value from_uuids(const std::vector<std::string>& uuids) {
    std::vector<Json::Value> references;
    for (const auto& uuid : uuids) {
        references.push_back(from_uuid(uuid));
    }
    return from_elements(references);
}
inline Json::Value from_optional(const std::optional<std::string>& value) {
    return value ? Json::Value(*value) : empty_set();
}
inline Json::Value from_map(const StringMap& map) {
    Json::Value content(Json::arrayValue);
    for (const auto& [key, value] : map) {
        Json::Value pair(Json::arrayValue);
        pair.append(key);
        pair.append(value);
        content.append(pair);
    }
    return detail::tag("map", content);
}

// A "where" that is true of the row 'uuid' alone.
inline Json::Value where_uuid(const std::string& uuid) {
    Json::Value clause(Json::arrayValue), where(Json::arrayValue);
    clause.append("_uuid");
    clause.append("==");
    clause.append(from_uuid(uuid));
    where.append(clause);
    return where;
}

}  // namespace hitless::ovsdb
