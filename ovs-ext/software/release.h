// Where new packet-processing software comes from, and its verification.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "software/download.h"

namespace hitless::software {

// Software that can be run as an instance. Files belong to whoever made the release; a fetched one lies in its staging
// directory, which the caller removes.
struct Release {
    std::string source;                                       // as the operator named it
    std::string version;                                      // "3.1.0", from ovs-vswitchd --version
    std::string package, package_version;                     // of a .deb; else empty
    std::string sha256;                                       // of the ovs-vswitchd binary, lower-case hexadecimal
    std::filesystem::path vswitchd;                           // the real binary; its name need not be ovs-vswitchd
    std::optional<std::filesystem::path> ovsdb_server;        // where the release has one
    std::optional<std::filesystem::path> schema;              // vswitch.ovsschema, where the release has one
};

struct Request {
    std::string from;                       // "installed", a directory, a .deb file, its URL, "apt[:VERSION]", or "release:NAME"
    std::optional<std::string> sha256;      // what the file must have: of the .deb, else of its ovs-vswitchd
    std::optional<std::string> signature;   // of the .deb: a file or URL
    std::chrono::milliseconds answer_limit{10'000};   // how long 'ovs-vswitchd --version' may take
};

// Where software is on this host, and what is demanded of software from elsewhere.
struct Sources {
    std::filesystem::path installed;        // what "installed" stands for: the binary that the running switch was started from
    std::filesystem::path releases;         // kept ones (store.h)
    std::filesystem::path keyrings;         // of those who may sign (signature.h)
    std::filesystem::path control_socket;   // whoever may write to it may have software fetched
    bool unverified = false;                // what a URL names need not be verified
    DownloadLimits limits;
    Observer observer;                      // of downloads
};

// Fetches and verifies.
//
// A directory has ovs-vswitchd (or ovs-vswitchd-dpdk), and perhaps ovsdb-server and vswitch.ovsschema, in itself or where Debian's
// packages have them below it.
//
// A .deb is copied into 'staging', a new and empty directory made by the caller for this release alone, which is made private to
// the user (mode 0700); the copy is checked whole (digest, archive, architecture, contents) before it is unpacked there. Its
// maintainer scripts are never run. A package's ovs-vswitchd that is a symbolic link is refused.
//
// What a URL names is a .deb. It must have the SHA-256 that was given (which does only where the control socket is root's or ours alone:
// else whoever may ask could have any program run), or a good signature: the file or URL 'signature', by default the URL with ".asc" added.
// "apt" is the package of the running switch, in the version that apt would install, or in VERSION.
//
// A kept release (NAME is as for Store::find()) is copied to 'staging', too: it may be removed from the store at any time.
//
// What is run, and a .deb, must be root's or ours alone to write (trust.h).
//
// Any ovs-vswitchd must answer --version as one. On an Error nothing of the release is left in 'staging'.
Result<Release> fetch(const Request& request, const Sources& sources, const std::filesystem::path& staging);

// SHA-256 of a file, lower-case hexadecimal.
Result<std::string> sha256_of(const std::filesystem::path& file);

}  // namespace hitless::software
