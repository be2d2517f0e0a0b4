#include "base/private_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hitless {

Result<Fd> open_own_directory(const std::filesystem::path& path) {
    Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (!directory || ::fstat(directory.get(), &status)) {
        return make_errno_error(errno, "directory {}: cannot be used", path.string());
    }
    if (status.st_uid != ::geteuid()) {
        return make_error("directory {}: refused: it belongs to the user {}", path.string(), status.st_uid);
    }
    return directory;
}

Status check_own_directory(const std::filesystem::path& path) {
    auto directory = open_own_directory(path);
    return directory ? Status() : directory.error();
}

Status make_private_directory(const std::filesystem::path& path) {
    if (::mkdir(path.c_str(), 0700) && errno != EEXIST) {
        return make_errno_error(errno, "directory {}: cannot be made", path.string());
    }
    auto directory = open_own_directory(path);
    if (!directory) {
        return make_error("{}: remove it", directory.error().message);
    }
    if (::fchmod(directory->get(), 0700)) {
        return make_errno_error(errno, "directory {}: cannot be made private", path.string());
    }
    return {};
}

Status make_empty_private_directory(const std::filesystem::path& path) {
    TRY(remove_directory(path));
    return make_private_directory(path);
}

Status remove_directory(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    return error ? make_error("directory {}: cannot be removed: {}", path.string(), error.message()) : Status();
}

}  // namespace hitless
