#include "software/package.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "base/process.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;

// The largest packages (with DPDK, with debug symbols) unpack to about a tenth of it.
constexpr uint64_t unpacked_limit_bytes = uint64_t{4} << 30;
constexpr std::chrono::minutes unpack_limit{5};

std::string_view trimmed(std::string_view text) {
    auto end = text.find_last_not_of(" \n");
    return text.substr(0, end == text.npos ? 0 : end + 1);
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

// The header of a member of an ar archive: 60 bytes of text in fixed columns.
struct Member {
    std::string name;
    uint64_t size_bytes;
};

Result<Member> parse_member(const std::array<char, 60>& header, uint64_t offset) {
    std::string_view text(header.data(), header.size());
    auto name = trimmed(text.substr(0, 16));
    if (name.ends_with('/')) {
        name.remove_suffix(1);
    }
    auto size = parse_number<uint64_t>(trimmed(text.substr(48, 10)));
    if (!size || text.substr(58) != "`\n") {
        return make_error("damaged: no archive member at byte {}", offset);
    }
    return Member{std::string(name), *size};
}

// One line of 'tar -tv', on which dpkg-deb relies: "MODE OWNER/GROUP SIZE DATE TIME NAME[ -> TARGET| link to TARGET]".
struct Entry {
    char type;
    uint64_t size_bytes;
    std::string name, target;
};

Result<Entry> parse_entry(std::string_view line) {
    std::vector<std::string_view> fields;
    std::string_view rest = line;
    while (fields.size() < 5 && !rest.empty()) {
        auto end = rest.find(' ');
        fields.push_back(rest.substr(0, end));
        rest = end == rest.npos ? "" : rest.substr(end + 1);
        if (fields.size() < 5) {   // the columns are padded, the name is not
            rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
        }
    }
    auto size = fields.size() == 5 ? parse_number<uint64_t>(fields[2]) : std::nullopt;
    if (fields.size() == 5 && !size && (fields[0][0] == 'b' || fields[0][0] == 'c')) {
        size = 0;   // a device has MAJOR,MINOR there
    }
    if (!size || fields[0].empty() || rest.empty()) {
        return make_error("damaged: its list of files has the line '{}'", line);
    }
    Entry entry{fields[0][0], *size, std::string(rest), ""};
    std::string_view arrow = entry.type == 'l' ? " -> " : entry.type == 'h' ? " link to " : "";
    if (!arrow.empty()) {
        auto at = rest.find(arrow);
        // A name that holds the arrow itself could hide where the link leads.
        if (at == rest.npos || rest.find(arrow, at + 1) != rest.npos) {
            return make_error("refused: its link '{}' is ambiguous", rest);
        }
        entry.name = rest.substr(0, at);
        entry.target = rest.substr(at + arrow.size());
    }
    return entry;
}

bool leaves_tree(const fs::path& path) {
    if (path.is_absolute()) {
        return true;
    }
    for (const auto& part : path) {
        if (part == "..") {
            return true;
        }
    }
    return false;
}

// "./usr//lib/" -> "usr/lib"
fs::path normal(const fs::path& path) {
    fs::path result = path.lexically_normal();
    return result.has_filename() ? result : result.parent_path();
}

bool behind(const std::set<fs::path>& links, const fs::path& path) {
    for (fs::path parent = path.parent_path(); !parent.empty(); parent = parent.parent_path()) {
        if (links.contains(parent)) {
            return true;
        }
    }
    return false;
}

struct Control {
    Package package;
    std::string architecture;
};

Result<Control> read_control(const fs::path& deb) {
    Control control;
    for (auto [field, value] : {std::pair{"Package", &control.package.name},
                                std::pair{"Version", &control.package.version},
                                std::pair{"Architecture", &control.architecture}}) {
        auto text = run_checked({"dpkg-deb", "--field", deb.string(), field});
        if (!text) {
            return "damaged" / text.error();
        }
        *value = trimmed(*text);
        if (value->empty()) {
            return make_error("damaged: its control file has no field {}", field);
        }
    }
    return control;
}

}  // namespace

Status check_archive(const fs::path& deb) {
    std::ifstream file(deb, std::ios::binary | std::ios::ate);
    if (!file) {
        return make_errno_error(errno, "cannot be read");
    }
    auto file_bytes = static_cast<uint64_t>(file.tellg());
    file.seekg(0);
    constexpr std::string_view magic = "!<arch>\n";
    std::array<char, magic.size()> start{};
    if (!file.read(start.data(), start.size()) || std::string_view(start.data(), start.size()) != magic) {
        return make_error("not a Debian package");
    }
    std::vector<std::string> names;
    uint64_t offset = magic.size();
    while (offset < file_bytes) {
        std::array<char, 60> header;
        if (file_bytes - offset < header.size()) {
            return make_error("cut off: {} bytes are in the file, and another archive member begins at byte {}",
                              file_bytes, offset);
        }
        file.seekg(static_cast<std::streamoff>(offset));
        if (!file.read(header.data(), header.size())) {
            return make_error("cannot be read at byte {}", offset);
        }
        Member member = TRY(parse_member(header, offset));
        offset += header.size();
        if (member.size_bytes > file_bytes - offset) {
            return make_error("cut off: its member {} has {} of {} bytes", member.name, file_bytes - offset,
                              member.size_bytes);
        }
        offset += member.size_bytes + member.size_bytes % 2;   // members begin at even offsets
        names.push_back(member.name);
    }
    for (auto [index, name] : {std::pair{0u, "debian-binary"}, std::pair{1u, "control.tar"}, std::pair{2u, "data.tar"}}) {
        if (names.size() <= index) {
            return make_error("cut off: it has no member {}", name);
        }
        if (!names[index].starts_with(name)) {
            return make_error("not a Debian package: its member {} is {}, and should be {}", index + 1, names[index],
                              name);
        }
    }
    return {};
}

Status check_contents(std::string_view listing, uint64_t limit_bytes) {
    std::set<fs::path> links;
    std::vector<Entry> entries;
    uint64_t total_bytes = 0;
    std::istringstream lines{std::string(listing)};
    for (std::string line; std::getline(lines, line);) {
        Entry entry = TRY(parse_entry(line));
        if (entry.type != '-' && entry.type != 'd' && entry.type != 'l' && entry.type != 'h') {
            return make_error("refused: '{}' is a device, pipe or other special file", entry.name);
        }
        if (leaves_tree(entry.name)) {
            return make_error("refused: '{}' leaves the package's tree", entry.name);
        }
        if (entry.type == 'h' && leaves_tree(entry.target)) {
            return make_error("refused: '{}' is a link to '{}', which leaves the package's tree", entry.name,
                              entry.target);
        }
        // Compared this way round, the sum cannot overflow.
        if (entry.size_bytes > limit_bytes - total_bytes) {
            return make_error("refused: it unpacks to more than {} bytes", limit_bytes);
        }
        total_bytes += entry.size_bytes;
        if (entry.type == 'l') {
            links.insert(normal(entry.name));
        }
        entries.push_back(std::move(entry));
    }
    for (const Entry& entry : entries) {
        if (behind(links, normal(entry.name)) || (entry.type == 'h' && behind(links, normal(entry.target)))) {
            return make_error("refused: '{}' lies behind a symbolic link of the package", entry.name);
        }
    }
    return {};
}

Result<Package> unpack_package(const fs::path& deb, const fs::path& tree) {
    TRY(check_archive(deb));
    Control control = TRY(read_control(deb));
    std::string host(trimmed(TRY(run_checked({"dpkg", "--print-architecture"}))));
    if (control.architecture != host) {
        return make_error("package {} {} is for the architecture {}, and this host is {}", control.package.name,
                          control.package.version, control.architecture, host);
    }
    // Decompresses all of the files' member, and so checks the compressor's checksums too.
    ProgramOptions options;
    options.limit = unpack_limit;
    auto listing = run_checked({"dpkg-deb", "--contents", deb.string()}, options);
    if (!listing) {
        return "damaged" / listing.error();
    }
    TRY(check_contents(*listing, unpacked_limit_bytes));
    auto unpacked = run_checked({"dpkg-deb", "--extract", deb.string(), tree.string()}, options);
    if (!unpacked) {
        return "cannot be unpacked" / unpacked.error();
    }
    return control.package;
}

}  // namespace hitless::software
