#include "software/installation.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;

Status copy_as(const fs::path& from, const fs::path& to, mode_t mode, uid_t owner, gid_t group) {
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

Status copy(const fs::path& from, const fs::path& to, mode_t mode) {
    return copy_as(from, to, mode, ::geteuid(), ::getegid());
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
    TRY(copy_as(file, partial, status.st_mode & 07777, status.st_uid, status.st_gid));
    fs::rename(partial, target, error);
    if (error) {
        auto why = error;
        fs::remove(partial, error);
        return make_error("{}: cannot be replaced: {}", target.string(), why.message());
    }
    return {};
}

}  // namespace hitless::software
