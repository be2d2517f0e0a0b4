// JSON that comes from a file: whatever is in it, the daemon goes on.
#pragma once

#include <json/reader.h>

#include <memory>
#include <string_view>

#include "base/result.h"

namespace hitless {

// An Error where it is no JSON object, or nested so deep that the library would throw.
inline Result<Json::Value> parse_json_object(std::string_view text) {
    Json::Value value;
    std::string errors;
    const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    try {
        if (!reader->parse(text.data(), text.data() + text.size(), &value, &errors) || !value.isObject()) {
            return make_error("is no JSON object: {}", errors);
        }
    } catch (const Json::Exception& wrong) {
        return make_error("is no JSON: {}", wrong.what());
    }
    return value;
}

}  // namespace hitless
