// The arguments of the hitless/* commands. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace hitless::appctl {

enum class Format { table, json };

struct Arguments {
    Format format = Format::table;                // --format=table|json
    std::optional<std::string> from;              // --from=SOFTWARE, as software::Request
    std::optional<std::string> sha256;            // --sha256=HEX
    std::optional<std::string> signature;         // --signature=FILE|URL
    std::optional<std::chrono::seconds> soak;     // --soak=SECONDS
    bool keep_standby = false;                    // --keep-standby
    std::optional<uint64_t> count;                // hitless/history N
    std::optional<std::string> kind;              // hitless/diff KIND
    std::string release;                          // hitless/release-remove RELEASE
    std::string bridge;                           // hitless/resume BRIDGE MESSAGE
    std::vector<uint8_t> message;
};

// Which options a command takes.
struct Accepts {
    bool from = false, soak = false, keep_standby = false, count = false, kind = false, release = false, message = false;
    bool format = true;   // also --format

    // As list-commands shows it.
    std::string usage() const;
};

// Reads the arguments that follow the name of 'command'. An Error names the argument, what is wrong and what is allowed.
Result<Arguments> parse_arguments(const std::string& command, const Accepts& accepts,
                                  const std::vector<std::string>& arguments);

}  // namespace hitless::appctl
