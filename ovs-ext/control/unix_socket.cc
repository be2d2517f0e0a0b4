#include "control/unix_socket.h"

#include "base/openvswitch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

extern "C" {
#include "socket-util.h"
}

namespace hitless::control {

Result<Fd> listen_unix(const std::string& path) {
    int result = make_unix_socket(SOCK_STREAM, true, path.c_str(), nullptr);
    if (result < 0) {
        return make_errno_error(-result, "socket {}: cannot bind", path);
    }
    // The library would remove the file when a signal ends the daemon; but by then it may have another's socket, such as the
    // switch's own that was put back.
    fatal_signal_remove_file_to_unlink(path.c_str());
    Fd fd(result);
    ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
    if (::listen(fd.get(), SOMAXCONN)) {
        int error = errno;
        ::unlink(path.c_str());
        return make_errno_error(error, "socket {}: cannot listen", path);
    }
    return fd;
}

Result<Fd> connect_unix(const std::string& path) {
    int result = make_unix_socket(SOCK_STREAM, true, nullptr, path.c_str());
    if (result < 0 && result != -EPROTO) {   // the library's word for EAGAIN: somebody listens, and its queue is full
        return make_errno_error(-result, "socket {}: cannot connect", path);
    }
    return Fd(result < 0 ? -1 : result);
}

bool has_listener(const std::string& path) {
    return connect_unix(path).ok();
}

bool FileIdentity::is_socket() const {
    return S_ISSOCK(mode);
}

bool FileIdentity::is_link() const {
    return S_ISLNK(mode);
}

std::optional<FileIdentity> identify(const std::string& path) {
    struct stat status;
    if (::lstat(path.c_str(), &status)) {
        return std::nullopt;
    }
    return FileIdentity{status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid};
}

Status rename_file(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str())) {
        return make_errno_error(errno, "{}: cannot be renamed to {}", from, to);
    }
    return {};
}

Status remove_file(const std::string& path) {
    if (::unlink(path.c_str()) && errno != ENOENT) {
        return make_errno_error(errno, "{}: cannot be removed", path);
    }
    return {};
}

Status give_socket(const std::string& path, const FileIdentity& like) {
    Fd socket(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (!socket || ::fstat(socket.get(), &status)) {
        return make_errno_error(errno, "socket {}", path);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return make_error("socket {}: another file has been put in its place", path);
    }
    auto itself = "/proc/self/fd/" + std::to_string(socket.get());
    if (::chmod(itself.c_str(), like.mode & 07777) || ::fchownat(socket.get(), "", like.user, like.group, AT_EMPTY_PATH)) {
        return make_errno_error(errno, "socket {}: cannot get the switch's owner and mode", path);
    }
    return {};
}

Status link_over(const std::string& from, const std::string& to) {
    std::string temporary = to + ".new";
    TRY(remove_file(temporary));
    if (::link(from.c_str(), temporary.c_str())) {
        return make_errno_error(errno, "{}: cannot be given the name {}", from, temporary);
    }
    TRY(rename_file(temporary, to));
    // rename(2) does nothing when both are already names of one file.
    return remove_file(temporary);
}

}  // namespace hitless::control
