#include "ovsdb/conversion.h"

#include <json/reader.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "base/process.h"
#include "ovsdb/client.h"

namespace hitless::ovsdb {
namespace {

Result<Json::Value> read_schema(const std::filesystem::path& path) {
    Json::Value schema;
    std::ifstream file(path);
    if (!Json::parseFromStream(Json::CharReaderBuilder(), file, &schema, nullptr) || !schema.isObject()) {
        return make_error("schema {}: cannot be read as JSON", path.string());
    }
    return schema;
}

std::vector<unsigned> numbers(const std::string& version) {
    std::vector<unsigned> result;
    std::istringstream text(version);
    for (unsigned number; text >> number; text.ignore()) {   // the point
        result.push_back(number);
    }
    return result;
}

}  // namespace

bool is_later(const std::string& version, const std::string& than) { return numbers(version) > numbers(than); }

Status convert(const std::string& server, const std::filesystem::path& path, Conversion conversion) {
    auto schema = TRY(read_schema(path));
    auto client = TRY(Client::connect(server));
    auto present = TRY(client.get_schema(schema["name"].asString()))["version"].asString();
    auto wanted = schema["version"].asString();
    if (present == wanted || (conversion == Conversion::up && !is_later(wanted, present))) {
        return {};
    }
    TRY(run_checked({"ovsdb-client", "convert", "unix:" + server, path.string()}));
    return {};
}

}  // namespace hitless::ovsdb
