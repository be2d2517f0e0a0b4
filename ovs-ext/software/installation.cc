#include "software/installation.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/fd.h"
#include "software/release.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;

// A copy of 'from' at 'to', which must not exist, on disk when this returns.
Status copy(const fs::path& from, const fs::path& to, mode_t mode, uid_t owner, gid_t group) {
    Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) {
        return make_errno_error(errno, "{}: cannot be read", from.string());
    }
    struct stat status;
    if (::fstat(in.get(), &status)) {
        return make_errno_error(errno, "{}: cannot be read", from.string());
    }
    Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out) {
        return make_errno_error(errno, "{}: cannot be made", to.string());
    }
    for (off_t done = 0; done < status.st_size;) {
        ssize_t n = ::sendfile(out.get(), in.get(), &done, static_cast<size_t>(status.st_size - done));
        if (n <= 0) {
            int error = n ? errno : EIO;
            ::unlink(to.c_str());
            return make_errno_error(error, "{}: cannot be written", to.string());
        }
    }
    if (::fchown(out.get(), owner, group) || ::fchmod(out.get(), mode) || ::fsync(out.get())) {
        int error = errno;
        ::unlink(to.c_str());
        return make_errno_error(error, "{}: cannot be written", to.string());
    }
    return {};
}

}  // namespace

Result<fs::path> keep(const fs::path& image, const fs::path& name, const fs::path& directory) {
    fs::path kept = directory / TRY(sha256_of(image));
    fs::path file = kept / name.filename();
    std::error_code error;
    if (fs::exists(file, error)) {
        return file;
    }
    if (!fs::create_directories(kept, error) && error) {
        return make_error("{}: cannot be made: {}", kept.string(), error.message());
    }
    fs::path partial = file.string() + ".partial";
    fs::remove(partial, error);
    TRY(copy(image, partial, 0755, ::geteuid(), ::getegid()));
    fs::rename(partial, file, error);
    if (error) {
        return make_error("{}: cannot be renamed: {}", partial.string(), error.message());
    }
    return file;
}

Status install(const fs::path& file, const fs::path& target) {
    struct stat status;
    if (::lstat(target.c_str(), &status)) {
        return make_errno_error(errno, "{}: cannot be replaced", target.string());
    }
    if (!S_ISREG(status.st_mode)) {
        return make_error("{}: cannot be replaced: not a regular file", target.string());
    }
    fs::path partial = target.string() + ".hitless-new";
    std::error_code error;
    fs::remove(partial, error);
    TRY(copy(file, partial, status.st_mode & 07777, status.st_uid, status.st_gid));
    fs::rename(partial, target, error);
    if (error) {
        auto why = error;
        fs::remove(partial, error);
        return make_error("{}: cannot be replaced: {}", target.string(), why.message());
    }
    return {};
}

Status prune(const fs::path& directory, size_t most, const fs::path& except) {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> kept;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        if (entry.is_directory(error) && entry.path() != except.parent_path()) {
            kept.emplace_back(entry.last_write_time(error), entry.path());
        }
    }
    std::ranges::sort(kept);
    for (size_t i = 0; i + most < kept.size() + 1; i++) {   // one place is that of 'except'
        fs::remove_all(kept[i].second, error);
        if (error) {
            return make_error("{}: cannot be removed: {}", kept[i].second.string(), error.message());
        }
    }
    return {};
}

}  // namespace hitless::software
