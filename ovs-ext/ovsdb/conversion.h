// Databases that get another schema while they are served.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace hitless::ovsdb {

enum class Conversion { to_any, up };   // up: only to a later version, which has all columns of the earlier ones

// Gives the database that 'schema' is of, in the ovsdb-server that listens at the path 'server', that schema, where its version is another.
// The server closes its clients' connections, and they connect again.
Status convert(const std::string& server, const std::filesystem::path& schema, Conversion conversion);

// Of versions as schemas have them, "8.3.1".
bool is_later(const std::string& version, const std::string& than);

}  // namespace hitless::ovsdb
