#include "control/mgmt_links.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "control/unix_socket.h"

namespace hitless::control {
namespace {

constexpr const char* kinds[] = {".mgmt", ".snoop"};
constexpr const char* displaced_suffix = ".hitless-a";
constexpr const char* link_suffix = ".hitless-b";   // for an instant, on the way to a rename
constexpr const char* waiting_suffix = ".waiting";   // in the standby's directory

std::string displaced(const std::string& name) {
    return name + displaced_suffix;
}

bool leads_to(const std::string& link, const std::string& target) {
    std::error_code error;
    return std::filesystem::read_symlink(link, error) == target && !error;
}

// For so long a name that vanished is left alone: A may be about to bind it. A that ends leaves its clients without a socket for that long.
constexpr std::chrono::milliseconds settling_time{50};

// Makes 'name' a link to 'target'; a socket that is there (A's, new or old) moves to displaced(name). Where nothing is there, only with
// 'missing_too'. Returns whether it is missing still.
Result<bool> direct_away(const std::string& name, const std::string& target, bool missing_too) {
    if (leads_to(name, target)) {
        return false;
    }
    auto here = identify(name);   // A may unlink it at any time: not asked twice
    if (!here) {
        if (!missing_too) {
            return true;
        }
        // Not by rename(2), which would replace a socket that A binds just now; there is an event for that one.
        if (::symlink(target.c_str(), name.c_str()) && errno != EEXIST) {
            return make_errno_error(errno, "{}: cannot be made", name);
        }
        return false;
    }
    if (here->is_socket()) {
        TRY(link_over(name, displaced(name)));
    }
    std::string temporary = name + link_suffix;
    TRY(remove_file(temporary));
    if (::symlink(target.c_str(), temporary.c_str())) {
        return make_errno_error(errno, "{}: cannot be made", temporary);
    }
    TRY(rename_file(temporary, name));
    return false;
}

// Makes 'name' A's socket again.
Status direct_to_a(const std::string& name) {
    TRY(remove_file(name + link_suffix));
    auto here = identify(name);
    bool a_is_here = here && here->is_socket() && has_listener(name);
    if (!a_is_here && has_listener(displaced(name))) {
        return rename_file(displaced(name), name);
    }
    if (here && here->is_link()) {
        TRY(remove_file(name));
    }
    return remove_file(displaced(name));
}

}  // namespace

// Puts links where they belong, and a thread that puts them back.
class MgmtLinks::Watch {
  public:
    using Links = std::vector<std::pair<std::string, std::string>>;   // name, target

    static Result<std::unique_ptr<Watch>> start(const std::string& directory, Links links, const std::atomic<bool>& a_starts) {
        Fd events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
        if (!events || ::inotify_add_watch(events.get(), directory.c_str(),
                                           IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR) < 0) {
            return make_errno_error(errno, "directory {}: cannot be watched", directory);
        }
        Fd stop(::eventfd(0, EFD_CLOEXEC));
        if (!stop) {
            return make_errno_error(errno, "directory {}: cannot be watched", directory);
        }
        return std::unique_ptr<Watch>(new Watch(std::move(events), std::move(stop), std::move(links), a_starts));
    }

    // Directs all that is there, and with 'missing_too', unless A starts, what is not. Returns whether something is missing still.
    // One at a time: of two, the second could move the link that the first has just made to where A's socket belongs.
    Result<bool> direct(bool missing_too) {
        std::lock_guard lock(mutex_);
        bool missing = false;
        for (const auto& [name, target] : links_) {
            missing |= TRY(direct_away(name, target, missing_too && !a_starts_));
        }
        return missing;
    }

    ~Watch() {
        ::eventfd_write(stop_.get(), 1);
        thread_.join();
    }

  private:
    Watch(Fd events, Fd stop, Links links, const std::atomic<bool>& a_starts)
        : events_(std::move(events)), stop_(std::move(stop)), links_(std::move(links)), a_starts_(a_starts),
          thread_([this] { watch(); }) {}

    void watch() {
        using Clock = std::chrono::steady_clock;
        constexpr auto never = Clock::time_point::max();
        auto settled = never;   // when what is missing now is put back
        pollfd fds[2] = {{events_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        for (;;) {
            auto left = std::chrono::ceil<std::chrono::milliseconds>(settled - Clock::now()).count();
            ::poll(fds, 2, settled == never ? -1 : static_cast<int>(std::max<int64_t>(left, 0)));
            if (fds[1].revents) {
                return;
            }
            alignas(inotify_event) char buffer[16384];
            while (::read(events_.get(), buffer, sizeof buffer) > 0) {
            }
            bool missing_too = Clock::now() >= settled;
            auto missing = direct(missing_too);
            if (missing && !*missing) {
                settled = never;
            } else if (settled == never || missing_too) {   // also after a failure: tried again
                settled = Clock::now() + settling_time;
            }
        }
    }

    Fd events_, stop_;
    std::mutex mutex_;
    const Links links_;
    const std::atomic<bool>& a_starts_;
    std::thread thread_;
};

MgmtLinks::MgmtLinks(std::string a_directory, std::string b_directory)
    : a_directory_(std::move(a_directory)), b_directory_(std::move(b_directory)) {}
MgmtLinks::~MgmtLinks() = default;

// Directs to what has the socket's name and 'suffix' in the standby's directory.
Status MgmtLinks::direct(std::vector<std::string> bridges, const std::string& suffix) {
    watch_.reset();
    for (const auto& bridge : std::exchange(bridges_, {})) {
        for (const char* kind : kinds) {
            if (std::find(bridges.begin(), bridges.end(), bridge) == bridges.end()) {
                TRY(direct_to_a(a_directory_ + "/" + bridge + kind));
            }
        }
    }
    bridges_ = std::move(bridges);
    Watch::Links links;
    for (const auto& bridge : bridges_) {
        for (const char* kind : kinds) {
            auto file = "/" + bridge + kind;
            links.emplace_back(a_directory_ + file, b_directory_ + file + suffix);
        }
    }
    // Watching comes first: what A does from now on is seen.
    watch_ = TRY(Watch::start(a_directory_, std::move(links), a_starts_));
    TRY(watch_->direct(true));
    return {};
}

Status MgmtLinks::point_to_b(std::vector<std::string> bridges) {
    TRY(direct(std::move(bridges), ""));
    return let_in(b_directory_);
}

Status MgmtLinks::point_to_a() {
    watch_.reset();
    Status status;
    for (const auto& bridge : std::exchange(bridges_, {})) {
        for (const char* kind : kinds) {
            if (auto directed = direct_to_a(a_directory_ + "/" + bridge + kind); !directed) {
                status = directed;
            }
        }
    }
    auto let_in = this->let_in(a_directory_);
    return status ? let_in : status;
}

Status MgmtLinks::hold(std::vector<std::string> bridges) {
    held_.clear();
    relay_.reset();   // before another one binds the same names
    relay_ = TRY(Relay::start());
    for (const auto& bridge : bridges) {
        for (const char* kind : kinds) {
            held_.push_back("/" + bridge + kind);
            TRY(relay_->listen(b_directory_ + held_.back() + waiting_suffix, std::nullopt));
        }
    }
    return direct(std::move(bridges), waiting_suffix);
}

// Those who wait, and those who are about to come by the link as it was a moment ago.
Status MgmtLinks::let_in(const std::string& directory) {
    for (const auto& file : held_) {
        TRY(relay_->lead(b_directory_ + file + waiting_suffix, directory + file));
    }
    return {};
}

std::string MgmtLinks::a_mgmt(const std::string& bridge) const {
    auto name = a_directory_ + "/" + bridge + ".mgmt";
    auto here = identify(name);
    return here && here->is_socket() ? name : displaced(name);
}

std::string MgmtLinks::b_mgmt(const std::string& bridge) const {
    return b_directory_ + "/" + bridge + ".mgmt";
}

Status MgmtLinks::repair(const std::string& a_directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(a_directory, error)) {
        std::string file = entry.path().filename();
        for (const char* suffix : {displaced_suffix, link_suffix}) {
            if (file.ends_with(suffix)) {
                file.resize(file.size() - std::char_traits<char>::length(suffix));
            }
        }
        auto name = a_directory + "/" + file;
        auto here = identify(name);
        bool ours = file != entry.path().filename() || (here && here->is_link());   // OVS makes no links there
        bool of_bridge = file.ends_with(kinds[0]) || file.ends_with(kinds[1]);
        if (ours && of_bridge && std::find(names.begin(), names.end(), name) == names.end()) {
            names.push_back(name);
        }
    }
    if (error) {
        return make_error("directory {}: {}", a_directory, error.message());
    }
    for (const auto& name : names) {
        TRY(direct_to_a(name));
    }
    return {};
}

}  // namespace hitless::control
