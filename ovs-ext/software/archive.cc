#include "software/archive.h"

#include "base/process.h"

namespace hitless::software {

namespace fs = std::filesystem;

std::string package_of(const fs::path& binary) {
    auto owner = run_checked({"dpkg-query", "--search", binary.string()});
    return owner ? owner->substr(0, owner->find(':')) : "openvswitch-switch";
}

Result<fs::path> download_from_archive(const std::string& package, const std::string& version, const fs::path& directory,
                                       std::chrono::seconds limit) {
    // A version is a word of apt's command line: it must not be taken for anything else (deb-version(7)).
    if (version.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~:") != version.npos) {
        return make_error("version '{}': is none of a package", version);
    }
    ProgramOptions options;
    options.limit = limit;
    options.environment["LC_ALL"] = "C.UTF-8";
    // As root: nobody else gets at 'directory'.
    auto said = run_checked({"env", "--chdir=" + directory.string(), "apt-get", "--quiet", "--option=APT::Sandbox::User=root",
                             "--option=APT::Get::AllowUnauthenticated=false", "download",
                             version.empty() ? package : package + "=" + version},
                            options);
    if (!said) {
        return "apt-get download" / said.error();
    }
    for (const auto& entry : fs::directory_iterator(directory)) {
        if (entry.path().extension() == ".deb") {
            return entry.path();
        }
    }
    return make_error("apt-get download: has left no package: {}", *said);
}

}  // namespace hitless::software
