#include "software/release.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <system_error>
#include <vector>

#include "base/process.h"
#include "software/archive.h"
#include "software/installation.h"
#include "software/package.h"
#include "software/signature.h"
#include "software/store.h"
#include "software/trust.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;

// Where Debian's packages have them: the stock build, the one with DPDK, and packages older than the alternatives system. The
// stock build comes first because openvswitch-switch may bring links for the others.
constexpr std::array vswitchd_paths = {"usr/lib/openvswitch-switch/ovs-vswitchd",
                                       "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", "usr/sbin/ovs-vswitchd"};
constexpr std::string_view kept_prefix = "release:", archive_prefix = "apt:";
constexpr uint64_t signature_limit_bytes = 1 << 20;
constexpr const char* ovsdb_server_path = "usr/sbin/ovsdb-server";
constexpr const char* schema_path = "usr/share/openvswitch/vswitch.ovsschema";

std::optional<fs::path> if_file(const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(path, error) ? std::optional(path) : std::nullopt;
}

// The lower-case form of a digest that the operator gave.
Result<std::string> parse_sha256(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != text.npos) {
        return make_error("SHA-256 '{}': should be 64 hexadecimal digits", text);
    }
    return text;
}

Status check_sha256(const std::string& name, const std::string& actual, const std::optional<std::string>& wanted) {
    if (wanted && actual != *wanted) {
        return make_error("{}: its SHA-256 is {}, and should be {}", name, actual, *wanted);
    }
    return {};
}

// What 'binary --version' says of itself.
Result<std::string> ask_version(const fs::path& binary, std::chrono::milliseconds limit) {
    ProgramOptions options;
    options.limit = limit;
    options.output_limit_bytes = 1 << 20;
    std::string output = TRY(run_checked({binary.string(), "--version"}, options));
    // It calls itself by its file's name: the build with DPDK says "ovs-vswitchd-dpdk (Open vSwitch) 3.1.0", and then "DPDK 22.11.7".
    static const std::regex pattern(R"(ovs-vswitchd\S* \(Open vSwitch\) ([0-9]+\.[0-9]+\.[0-9]+\S*))");
    std::string first = output.substr(0, std::min<size_t>(output.find('\n'), 1000));   // a match of very much overflows the stack
    std::smatch match;
    if (!std::regex_match(first, match, pattern)) {
        return make_error("it is not ovs-vswitchd: to --version it answers '{}'", first.substr(0, 200));
    }
    return match[1].str();
}

// Completes a release of which the files are known.
Result<Release> verified(Release release, const Request& request, const std::optional<std::string>& wanted_sha256) {
    release.source = request.from;
    TRY(check_trusted(release.vswitchd));
    if (release.ovsdb_server) {
        TRY(check_trusted(*release.ovsdb_server));
    }
    release.sha256 = TRY(sha256_of(release.vswitchd));
    TRY(check_sha256(release.vswitchd.string(), release.sha256, wanted_sha256));
    auto version = ask_version(release.vswitchd, request.answer_limit);
    if (!version) {
        return request.from / version.error();
    }
    release.version = *version;
    return release;
}

Result<fs::path> real_path(const fs::path& path) {
    std::error_code error;
    fs::path real = fs::canonical(path, error);
    if (error) {
        return make_errno_error(error.value(), "{}", path.string());
    }
    return real;
}

// The release below 'root', in the layout of Debian's packages. None: there is no ovs-vswitchd.
std::optional<Release> find_debian_layout(const fs::path& root) {
    for (const char* path : vswitchd_paths) {
        if (auto vswitchd = if_file(root / path)) {
            Release release;
            release.vswitchd = *vswitchd;
            release.ovsdb_server = if_file(root / ovsdb_server_path);
            release.schema = if_file(root / schema_path);
            return release;
        }
    }
    return std::nullopt;
}

Release beside(const fs::path& vswitchd) {
    Release release;
    release.vswitchd = vswitchd;
    release.ovsdb_server = if_file(vswitchd.parent_path() / "ovsdb-server");
    release.schema = if_file(vswitchd.parent_path() / "vswitch.ovsschema");
    return release;
}

Result<Release> find_in_directory(const fs::path& directory) {
    auto flat = if_file(directory / "ovs-vswitchd");
    if (!flat) {
        flat = if_file(directory / "ovs-vswitchd-dpdk");
    }
    auto release = flat ? beside(*flat) : find_debian_layout(directory);
    if (!release) {
        return make_error("{}: has no ovs-vswitchd; it should be there (or ovs-vswitchd-dpdk), or below, in {}, {} or {}",
                          directory.string(), vswitchd_paths[0], vswitchd_paths[1], vswitchd_paths[2]);
    }
    release->vswitchd = TRY(real_path(release->vswitchd));
    return *release;
}

Result<Release> find_installed(const fs::path& installed) {
    fs::path vswitchd = TRY(real_path(installed));
    for (std::string path : vswitchd_paths) {
        std::string text = vswitchd.string();
        if (text.ends_with("/" + path)) {
            fs::path root = text.substr(0, text.size() - path.size());
            Release release;
            release.vswitchd = vswitchd;
            release.ovsdb_server = if_file(root / ovsdb_server_path);
            release.schema = if_file(root / schema_path);
            return release;
        }
    }
    return beside(vswitchd);
}

bool is_archive(const std::string& from) {
    return from == archive_prefix.substr(0, archive_prefix.size() - 1) || from.starts_with(archive_prefix);
}

// Empties the staging directory, unless the release in it is good.
class StagingGuard {
  public:
    explicit StagingGuard(const fs::path& directory) : directory_(directory) {}
    StagingGuard(const StagingGuard&) = delete;
    StagingGuard& operator=(const StagingGuard&) = delete;
    ~StagingGuard() {
        if (keep_) {
            return;
        }
        std::error_code error;
        std::vector<fs::path> entries;
        for (const auto& entry : fs::directory_iterator(directory_, error)) {
            entries.push_back(entry.path());
        }
        for (const auto& entry : entries) {
            fs::remove_all(entry, error);
        }
    }
    void keep() { keep_ = true; }

  private:
    fs::path directory_;
    bool keep_ = false;
};

// What we shall run or read of a package must be in the package itself: a link, also one above the file, could lead to any file
// of the host.
Status refuse_links(const Release& release, const fs::path& tree) {
    const fs::path root = TRY(real_path(tree));
    for (const auto& file : {std::optional(release.vswitchd), release.ovsdb_server, release.schema}) {
        if (!file) {
            continue;
        }
        fs::path name = file->lexically_relative(tree), real = TRY(real_path(*file));
        if (real != root / name) {
            return make_error("refused: its {} is a symbolic link or lies behind one, and leads to {}", name.string(),
                              real.string());
        }
    }
    return {};
}

Result<Release> open_package(const fs::path& copy, const fs::path& tree) {
    Package package = TRY(unpack_package(copy, tree));
    auto release = find_debian_layout(tree);
    if (!release) {
        return make_error("package {} {} has no ovs-vswitchd; it should be in {}, {} or {}", package.name, package.version,
                          vswitchd_paths[0], vswitchd_paths[1], vswitchd_paths[2]);
    }
    TRY(refuse_links(*release, tree));
    release->package = package.name;
    release->package_version = package.version;
    return *release;
}

// Makes 'staging' private, and 'tree' in it: nobody else gets at what is there, so what was checked is what is run.
Status open_staging(const fs::path& staging, const fs::path& tree) {
    std::error_code error;
    if (!fs::is_empty(staging, error) || error) {
        return make_error("{}: should be an empty directory for the new software{}{}", staging.string(), error ? ": " : "",
                          error ? error.message() : "");
    }
    fs::permissions(staging, fs::perms::owner_all, error);
    if (error || !fs::create_directory(tree, error)) {
        return make_error("{}: cannot be made: {}", tree.string(), error.message());
    }
    return {};
}

// Whether what a URL names can be verified at all, before anything is downloaded.
Status check_demands(const Request& request, const Sources& sources) {
    if (request.signature || !request.sha256 || sources.unverified) {   // without a digest, a signature is beside it
        return {};
    }
    if (auto status = check_trusted(sources.control_socket); !status) {
        return make_error("--sha256 alone does not verify it, as not only root can ask for it: give --signature ({})",
                          status.error().message);
    }
    return {};
}

// Checks the signature of 'copy' where there must be one.
Status verify_signature(const Request& request, const Sources& sources, const fs::path& copy) {
    if (!request.signature && (!is_url(request.from) || request.sha256 || sources.unverified)) {
        return {};
    }
    std::string from = request.signature.value_or(request.from + ".asc");
    fs::path signature = from;
    if (is_url(from)) {
        signature = copy.string() + ".asc";
        auto limits = sources.limits;
        limits.bytes = signature_limit_bytes;
        if (auto status = download(from, signature, limits, {{}, sources.observer.stop}); !status) {
            return make_error("its signature cannot be fetched, and no --sha256 says what it must be: {}", status.error().message);
        }
    }
    return check_signature(copy, signature, sources.keyrings);
}

// Brings the package to 'copy'.
Status bring_package(const Request& request, const Sources& sources, const fs::path& copy) {
    if (is_url(request.from)) {
        TRY(check_demands(request, sources));
        return download(request.from, copy, sources.limits, sources.observer);
    }
    std::error_code error;
    fs::path file = request.from;
    if (is_archive(request.from)) {
        auto version = request.from.substr(std::min(request.from.size(), archive_prefix.size()));
        auto real = real_path(sources.installed);
        fs::path place = copy.parent_path() / "archive";
        fs::create_directory(place, error);
        file = TRY(download_from_archive(package_of(real ? *real : sources.installed), version, place, sources.limits.time));
        fs::rename(file, copy, error);
    } else {
        TRY(check_trusted(file));
        fs::copy_file(file, copy, error);
    }
    return error ? make_error("{}: cannot be brought to {}: {}", file.string(), copy.string(), error.message()) : Status();
}

Result<Release> fetch_package(const Request& request, const std::optional<std::string>& wanted_sha256, const Sources& sources,
                              const fs::path& staging) {
    const fs::path copy = staging / "package.deb", tree = staging / "tree";
    TRY(open_staging(staging, tree));
    StagingGuard guard(staging);
    TRY(bring_package(request, sources, copy));
    TRY(check_sha256(request.from, TRY(sha256_of(copy)), wanted_sha256));
    auto verdict = verify_signature(request, sources, copy);
    auto release = verdict ? open_package(copy, tree) : Result<Release>(verdict.error());
    if (!release) {
        return request.from / release.error();
    }
    Release complete = TRY(verified(*release, request, std::nullopt));
    std::error_code error;
    for (const char* rest : {"package.deb", "package.deb.asc", "archive"}) {
        fs::remove_all(staging / rest, error);
    }
    guard.keep();
    return complete;
}

Result<Release> fetch_kept(const Request& request, const std::optional<std::string>& wanted_sha256, const fs::path& store,
                           const fs::path& staging) {
    const Release kept = TRY(Store(store).find(request.from.substr(kept_prefix.size()))).release;
    TRY(check_sha256(request.from, kept.sha256, wanted_sha256));
    TRY(check_trusted(kept.vswitchd));
    const fs::path tree = staging / "tree";
    TRY(open_staging(staging, tree));
    StagingGuard guard(staging);
    for (const auto& file : {std::optional(kept.vswitchd), kept.ovsdb_server}) {
        if (file) {
            TRY(copy(*file, tree / file->filename(), 0755));
        }
    }
    if (kept.schema) {
        TRY(copy(*kept.schema, tree / kept.schema->filename(), 0644));
    }
    Release release = beside(tree / kept.vswitchd.filename());
    release.package = kept.package;
    release.package_version = kept.package_version;
    release = TRY(verified(release, request, kept.sha256));   // what is on the disk may have been damaged
    guard.keep();
    return release;
}

}  // namespace

Result<Release> fetch(const Request& request, const Sources& sources, const fs::path& staging) {
    std::optional<std::string> sha256;
    if (request.sha256) {
        sha256 = TRY(parse_sha256(*request.sha256));
    }
    if (request.from == "installed") {
        return verified(TRY(find_installed(sources.installed)), request, sha256);
    }
    if (request.from.starts_with(kept_prefix)) {
        return fetch_kept(request, sha256, sources.releases, staging);
    }
    std::error_code error;
    fs::file_status status = fs::status(request.from, error);
    if (fs::is_directory(status)) {
        return verified(TRY(find_in_directory(request.from)), request, sha256);
    }
    if (is_url(request.from) || is_archive(request.from) || fs::is_regular_file(status)) {
        return fetch_package(request, sha256, sources, staging);
    }
    return make_error("{}: no such package or directory; new software is 'installed', a directory, a .deb file, its URL, "
                      "apt[:VERSION], or release:NAME",
                      request.from);
}

}  // namespace hitless::software
