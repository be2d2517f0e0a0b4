#include "ovsdb/conversion.h"

#include <fstream>
#include <sstream>
#include <vector>

#include "base/json.h"
#include "base/process.h"
#include "ovsdb/client.h"
#include "ovsdb/values.h"

namespace hitless::ovsdb {
namespace {

Result<Json::Value> read_schema(const std::filesystem::path& path) {
    std::ifstream file(path);
    auto schema = parse_json_object(std::string(std::istreambuf_iterator<char>(file), {}));
    return schema ? schema : ("schema " + path.string()) / schema.error();
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
    auto present = TRY(client.get_schema(to_text(schema["name"])))["version"].asString();
    auto wanted = to_text(schema["version"]);
    if (present == wanted || (conversion == Conversion::up && !is_later(wanted, present))) {
        return {};
    }
    TRY(run_checked({"ovsdb-client", "convert", "unix:" + server, path.string()}));
    return {};
}

}  // namespace hitless::ovsdb
