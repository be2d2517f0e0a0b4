#include "software/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <json/writer.h>
#include <sys/file.h>

#include <algorithm>
#include <fstream>

#include "base/fd.h"
#include "base/json.h"
#include "base/private_directory.h"
#include "base/write_file.h"
#include "software/installation.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigestDigits = 64, kFewestDigits = 8;

Result<Fd> lock(const fs::path& directory) {
    std::error_code error;
    if (!fs::create_directories(directory, error) && error) {
        return make_error("{}: cannot be made: {}", directory.string(), error.message());
    }
    Fd fd(::open((directory / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd || ::flock(fd.get(), LOCK_EX)) {
        return make_errno_error(errno, "{}: cannot be locked", directory.string());
    }
    return fd;
}

Status write_about(const fs::path& directory, const KeptRelease& kept) {
    Json::Value about;
    about["version"] = kept.release.version;
    about["package"] = kept.release.package;
    about["package_version"] = kept.release.package_version;
    about["source"] = kept.release.source;
    about["kept_since_ms"] = Json::Int64(kept.kept_since.count());
    return write_file(directory / "about.json", Json::writeString(Json::StreamWriterBuilder(), about) + "\n");
}

std::optional<fs::path> if_there(const fs::path& file) {
    std::error_code error;
    return fs::is_regular_file(file, error) ? std::optional(file) : std::nullopt;
}

// None where 'directory' is no release of ours.
std::optional<KeptRelease> read(const fs::path& directory) {
    KeptRelease kept;
    auto& release = kept.release;
    release.sha256 = directory.filename();
    auto vswitchd = if_there(directory / "ovs-vswitchd");
    if (!vswitchd) {
        vswitchd = if_there(directory / "ovs-vswitchd-dpdk");
    }
    std::ifstream file(directory / "about.json");
    auto parsed = parse_json_object(std::string(std::istreambuf_iterator<char>(file), {}));
    if (release.sha256.size() != kDigestDigits || !vswitchd || !parsed || !(*parsed)["kept_since_ms"].isInt64()) {
        return std::nullopt;
    }
    const Json::Value& about = *parsed;
    release.vswitchd = *vswitchd;
    release.ovsdb_server = if_there(directory / "ovsdb-server");
    release.schema = if_there(directory / "vswitch.ovsschema");
    for (auto [member, name] : {std::pair{&release.version, "version"}, {&release.package, "package"},
                                {&release.package_version, "package_version"}, {&release.source, "source"}}) {
        *member = about[name].isString() ? about[name].asString() : "";
    }
    kept.kept_since = std::chrono::milliseconds(about["kept_since_ms"].asInt64());
    return kept;
}

// With the lock held.
std::vector<KeptRelease> read_all(const fs::path& directory) {
    std::vector<KeptRelease> all;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        if (auto kept = read(entry.path())) {
            all.push_back(std::move(*kept));
        }
    }
    std::ranges::sort(all, {}, [](const KeptRelease& kept) { return std::pair(kept.kept_since, kept.release.sha256); });
    return all;
}

// As an operator tells one release from another.
std::string names(const std::vector<KeptRelease>& all) {
    std::string text;
    for (const auto& [release, since] : all) {
        text += fmt::format("{}{}{} ({})", text.empty() ? "" : ", ", release.version,
                            release.package_version.empty() ? "" : ", package " + release.package_version,
                            release.sha256.substr(0, 12));
    }
    return text;
}

bool answers_to(const Release& release, const std::string& name) {
    return release.version == name || release.package_version == name ||
           (name.size() >= kFewestDigits && release.sha256.starts_with(name));
}

}  // namespace

Result<std::vector<KeptRelease>> Store::list() const {
    Fd locked = TRY(lock(directory_));
    return read_all(directory_);
}

Result<KeptRelease> Store::find(const std::string& name) const {
    auto all = TRY(list());
    std::vector<KeptRelease> found;
    std::ranges::copy_if(all, std::back_inserter(found), [&](const auto& kept) { return answers_to(kept.release, name); });
    if (found.empty()) {
        return make_error("release {}: is not kept; {}{}", name, all.empty() ? "none is" : "these are: ", names(all));
    }
    if (found.size() > 1) {
        return make_error("release {}: more than one answers to that, give the digits in brackets: {}", name, names(found));
    }
    return found.front();
}

Result<KeptRelease> Store::keep(const Release& release, const fs::path& name) {
    Fd locked = TRY(lock(directory_));
    const std::string sha256 = TRY(sha256_of(release.vswitchd));
    const fs::path directory = directory_ / sha256, partial = directory_ / (".partial-" + sha256);
    KeptRelease kept{release, std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())};
    std::error_code error;
    if (auto known = read(directory)) {   // as it was named first, but the newest
        known->kept_since = kept.kept_since;
        TRY(write_about(directory, *known));
    } else {
        TRY(remove_directory(directory));
        TRY(remove_directory(partial));
        if (!fs::create_directory(partial, error)) {
            return make_error("{}: cannot be made: {}", partial.string(), error.message());
        }
        TRY(copy(release.vswitchd, partial / (name.string().ends_with("-dpdk") ? "ovs-vswitchd-dpdk" : "ovs-vswitchd"), 0755));
        if (release.ovsdb_server) {
            TRY(copy(*release.ovsdb_server, partial / "ovsdb-server", 0755));
        }
        if (release.schema) {
            TRY(copy(*release.schema, partial / "vswitch.ovsschema", 0644));
        }
        TRY(write_about(partial, kept));
        fs::rename(partial, directory, error);
        if (error) {
            return make_error("{}: cannot be renamed: {}", partial.string(), error.message());
        }
    }
    auto now = read(directory);
    return now ? Result<KeptRelease>(*now) : make_error("{}: is not readable", directory.string());
}

Status Store::remove(const std::string& sha256) {
    Fd locked = TRY(lock(directory_));
    return remove_directory(directory_ / sha256);
}

Result<std::vector<KeptRelease>> Store::prune(size_t most, const std::set<std::string>& except) {
    Fd locked = TRY(lock(directory_));
    auto all = read_all(directory_);
    std::vector<KeptRelease> removed;
    size_t left = all.size();
    for (const auto& kept : all) {
        if (left > most && !except.contains(kept.release.sha256)) {
            TRY(remove_directory(directory_ / kept.release.sha256));
            removed.push_back(kept);
            left--;
        }
    }
    return removed;
}

}  // namespace hitless::software
