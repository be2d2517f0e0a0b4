#include "control/pidfile_holder.h"

#include <fcntl.h>
#include <unistd.h>

namespace hitless::control {
namespace {

struct flock whole_file() {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

// An Error if another process has the lock of the file at 'path'.
Status check_unlocked(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file) {
        return errno == ENOENT ? Status() : Status(make_errno_error(errno, "pidfile {}", path));
    }
    auto lock = whole_file();
    if (::fcntl(file.get(), F_GETLK, &lock)) {
        return make_errno_error(errno, "pidfile {}", path);
    }
    if (lock.l_type != F_UNLCK) {
        return make_error("pidfile {}: held by the running process {}", path, lock.l_pid);
    }
    return {};
}

}  // namespace

Status PidfileHolder::hold() {
    if (held()) {
        return {};
    }
    std::string temporary = path_ + ".tmp";
    if (auto planted = identify(temporary); planted && planted->is_link()) {
        TRY(remove_file(temporary));
    }
    Fd file(::open(temporary.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) {
        return make_errno_error(errno, "pidfile {}: cannot be created", temporary);
    }
    auto lock = whole_file();
    if (::fcntl(file.get(), F_SETLK, &lock)) {
        return make_errno_error(errno, "pidfile {}: a switch is being started: cannot be locked", temporary);
    }
    // With the lock of the temporary file nobody else can come between the check and the rename.
    auto text = std::to_string(::getpid()) + "\n";
    auto ready = check_unlocked(path_);
    if (ready && (::ftruncate(file.get(), 0) ||
                  ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))) {
        ready = make_errno_error(errno, "pidfile {}: cannot be written", temporary);
    }
    auto identity = identify(temporary);
    if (ready && !identity) {
        ready = make_error("pidfile {}: vanished", temporary);
    }
    if (ready) {
        ready = rename_file(temporary, path_);
    }
    if (!ready) {
        (void)remove_file(temporary);
        return ready;
    }
    identity_ = *identity;
    file_ = std::move(file);
    return {};
}

Status PidfileHolder::release() {
    if (!held()) {
        return {};
    }
    auto now = identify(path_);
    Status removed;
    if (now && now->same_file(identity_)) {
        removed = remove_file(path_);
    }
    file_.reset();
    return removed;
}

}  // namespace hitless::control
