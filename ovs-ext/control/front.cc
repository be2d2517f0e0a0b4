#include "control/front.h"

#include "base/openvswitch.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

extern "C" {
#include "seq.h"
}

#include "control/front_session.h"

namespace hitless::control {
namespace {

// More clients than that wait in the sockets' queues.
constexpr size_t max_sessions = 256;

std::string temporary(const std::string& path) {
    return path + ".hitless.new";
}

}  // namespace

Front::Front(std::string own_path) : own_path_(std::move(own_path)), changed_(seq_create()) {
    fatal_ignore_sigpipe();   // clients that vanish
    // The library sets up its clock on first use. Were that a seq_wait() that wakes at once, it would wait for itself: the
    // set-up makes a seq, under the lock that seq_wait() holds.
    time_msec();
}

Front::~Front() {
    std::vector<std::string> paths;
    for (const auto& [path, listener] : listeners_) {
        paths.push_back(path);
    }
    for (const auto& path : paths) {
        (void)give_back(path);
    }
    sessions_.clear();
    seq_destroy(changed_);
}

void Front::set_active(const std::string& path) {
    std::lock_guard lock(mutex_);
    active_path_ = path;
    held_ = false;
    seq_change(changed_);
}

void Front::hold() {
    std::lock_guard lock(mutex_);
    held_ = true;
}

// Puts a socket of ours at 'path' in place of what is there. 'like': owner and mode of the socket whose place it takes.
Status Front::listen(const std::string& path, const FileIdentity* like) {
    std::lock_guard lock(mutex_);
    if (listeners_.contains(path)) {
        return make_error("control socket {}: the front is there already", path);
    }
    Listener listener{TRY(listen_unix(temporary(path))), {}};
    auto file = identify(temporary(path));
    if (!file) {
        return make_error("control socket {}: vanished", temporary(path));
    }
    listener.file = *file;
    if (auto given = like ? give_socket(temporary(path), *like) : Status(); !given) {
        (void)remove_file(temporary(path));
        return given;
    }
    if (auto renamed = rename_file(temporary(path), path); !renamed) {
        (void)remove_file(temporary(path));
        return renamed;
    }
    listeners_.emplace(path, std::move(listener));
    seq_change(changed_);
    return {};
}

Status Front::take_over(const std::string& path) {
    TRY(repair(path));
    auto theirs = identify(path);
    if (!theirs || !theirs->is_socket()) {
        return make_error("control socket {}: there is none; is the switch running?", path);
    }
    TRY(link_over(path, displaced(path)));
    if (auto listening = listen(path, &*theirs); !listening) {
        (void)remove_file(displaced(path));
        return listening;
    }
    return {};
}

Status Front::serve(const std::string& path) {
    TRY(repair(path));
    if (has_listener(path)) {
        return make_error("control socket {}: a process listens there", path);
    }
    return listen(path, nullptr);
}

bool Front::serves(const std::string& path) {
    std::lock_guard lock(mutex_);
    return listeners_.contains(path);
}

Status Front::give_back(const std::string& path) {
    std::lock_guard lock(mutex_);
    auto node = listeners_.extract(path);
    if (!node) {
        return make_error("control socket {}: the front is not there", path);
    }
    Listener& listener = node.mapped();
    auto now = identify(path);
    bool ours = now && now->same_file(listener.file);
    closing_.push_back(std::move(listener));   // what comes of the renames does not matter to it
    seq_change(changed_);

    bool alive = has_listener(displaced(path));
    if (alive && (ours || !now)) {
        return rename_file(displaced(path), path);
    }
    if (ours) {
        TRY(remove_file(path));
    }
    return remove_file(displaced(path));
}

Status Front::repair(const std::string& path) {
    TRY(remove_file(temporary(path)));
    auto here = identify(path);
    auto there = identify(displaced(path));
    bool here_alive = here && has_listener(path);
    if (!there) {
        return here && here->is_socket() && !here_alive ? remove_file(path) : Status();
    }
    if ((here && here->same_file(*there)) || !has_listener(displaced(path))) {
        TRY(remove_file(displaced(path)));
        return here && !here_alive ? remove_file(path) : Status();
    }
    if (here_alive) {
        return make_error("control socket {}: another hitless daemon is in front of this switch; stop it first", path);
    }
    return rename_file(displaced(path), path);
}

void Front::accept_from(const Listener& listener) {
    while (sessions_.size() < max_sessions) {
        Fd client(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client) {
            return;
        }
        sessions_.push_back(std::make_unique<Session>(std::move(client), own_path_, passed_));
    }
}

void Front::run() {
    seen_ = seq_read(changed_);   // before what it guards is read
    std::string active_path;
    bool held = false;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [path, listener] : listeners_) {
            accept_from(listener);
        }
        for (const auto& listener : closing_) {
            accept_from(listener);
        }
        closing_.clear();
        active_path = active_path_;
        held = held_;
    }
    sessions_.remove_if([&](const auto& session) { return !session->run(active_path, held); });
}

void Front::wait() {
    {
        std::lock_guard lock(mutex_);
        seq_wait(changed_, seen_);
        if (!closing_.empty()) {
            poll_immediate_wake();
        }
        if (sessions_.size() < max_sessions) {
            for (const auto& [path, listener] : listeners_) {
                poll_fd_wait(listener.socket.get(), POLLIN);
            }
        }
    }
    for (const auto& session : sessions_) {
        session->wait();
    }
}

}  // namespace hitless::control
