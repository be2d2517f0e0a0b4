#include "software/trust.h"

#include <sys/stat.h>
#include <unistd.h>

namespace hitless::software {

namespace fs = std::filesystem;

Status check_trusted_itself(const fs::path& path) {
    struct stat status;
    if (::stat(path.c_str(), &status)) {
        return make_errno_error(errno, "{}", path.string());
    }
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
        return make_error("{}: refused: it belongs to the user {}, who could have any program run as root: give it to root",
                          path.string(), status.st_uid);
    }
    bool protects_entries = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX);
    bool others = status.st_mode & S_IWOTH, group = (status.st_mode & S_IWGRP) && status.st_gid != 0;
    if ((others || group) && !protects_entries) {
        return make_error("{}: refused: {} may write it, and so have any program run as root: chmod go-w {}", path.string(),
                          others ? "everybody" : fmt::format("group {}", status.st_gid), path.string());
    }
    return {};
}

Status check_trusted(const fs::path& path) {
    std::error_code error;
    fs::path real = fs::canonical(path, error);
    if (error) {
        return make_error("{}: {}", path.string(), error.message());
    }
    for (fs::path one = real;; one = one.parent_path()) {
        TRY(check_trusted_itself(one));
        if (one == one.root_path()) {
            return {};
        }
    }
}

}  // namespace hitless::software
