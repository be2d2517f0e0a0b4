#include "control/routing.h"

#include <map>

namespace hitless::control {
namespace {

constexpr std::string_view ours = "hitless/";
constexpr std::string_view heading = "The available commands are:\n";

// Command name -> its line, with the line feed. Lines are "  NAME USAGE".
using Lines = std::map<std::string_view, std::string_view>;

void add_lines(Lines& lines, std::string_view list, bool only_ours) {
    while (!list.empty()) {
        auto length = list.find('\n');
        auto line = list.substr(0, length == std::string_view::npos ? list.size() : length + 1);
        list.remove_prefix(line.size());
        if (!line.starts_with("  ") || line.back() != '\n') {
            continue;
        }
        auto name = line.substr(2);
        name = name.substr(0, name.find_first_of(" \n"));
        if (!name.empty() && (!only_ours || name.starts_with(ours))) {
            lines.emplace(name, line);
        }
    }
}

}  // namespace

Route route(std::string_view method) {
    if (method == "list-commands") {
        return Route::Both;
    }
    return method.starts_with(ours) ? Route::Daemon : Route::Active;
}

std::string merge_command_lists(std::string_view of_switch, std::string_view of_daemon) {
    Lines lines;
    add_lines(lines, of_switch, false);
    add_lines(lines, of_daemon, true);
    std::string merged(heading);
    for (const auto& [name, line] : lines) {
        merged += line;
    }
    return merged;
}

}  // namespace hitless::control
