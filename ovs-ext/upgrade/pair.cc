#include "upgrade/pair.h"

#include <unistd.h>

#include "control/front.h"
#include "upgrade/sequences.h"

namespace hitless::upgrade {
namespace {

// A handle of 'process' that other threads can keep: 'before', where it is of the same one.
std::shared_ptr<const Process> handle_of(const Process& process, const std::shared_ptr<const Process>& before) {
    if (before && before->pid() == process.pid() && before->alive()) {
        return before;
    }
    auto opened = Process::open(process.pid());
    return opened ? std::make_shared<const Process>(std::move(*opened)) : nullptr;
}

}  // namespace

std::vector<std::string> Pair::bridge_names() const {
    std::vector<std::string> names;
    for (const auto& bridge : config.bridges) {
        names.push_back(bridge.name);
    }
    return names;
}

instance::ControlPaths Pair::a_paths() const {
    instance::ControlPaths paths{control::Front::displaced(a.unixctl_path()), {}};
    for (const auto& bridge : bridge_names()) {
        paths.mgmt[bridge] = links->a_mgmt(bridge);
    }
    return paths;
}

instance::ControlPaths Pair::b_paths() const {
    instance::ControlPaths paths{b->unixctl_path(), {}};
    for (const auto& bridge : bridge_names()) {
        paths.mgmt[bridge] = links->b_mgmt(bridge);
    }
    return paths;
}

Status Pair::change_record(const Places& places, const std::function<void(PairRecord&)>& change) {
    std::lock_guard lock(record_mutex_);
    change(record_);
    record_.daemon = ::getpid();
    return record_.save(places.record());
}

PairRecord Pair::record() const {
    std::lock_guard lock(record_mutex_);
    return record_;
}

Status Pair::open_sockets(Side side) {
    auto& sockets = side == Side::A ? a_sockets : b_sockets;
    sockets = TRY(datapath::ProcessSockets::open(side == Side::A ? a.process().pid() : b->process().pid()));
    TRY(sockets->enlarge_receive_buffers(settings.receive_buffer_bytes));
    TRY(sockets->ignore_outgoing(true));
    return side == Side::A ? sockets->hide_devices(datapath::SteeringOptions().prefix) : Status();
}

void Pair::look_after_active() {
    if (!unchecked && windows.check->suspended(active)) {
        unchecked = std::make_unique<UncheckedConnections>(active, active == Side::A ? a_paths() : b_paths(), windows,
                                                           learned_sequences(*steering), nullptr);
    }
    publish();
}

std::optional<size_t> Pair::copied(std::string_view kind) const {
    for (size_t i = 0; i < copies.size(); i++) {
        if (kinds.list[i]->name() == kind) {
            return i;
        }
    }
    return std::nullopt;
}

Status Pair::learn() {
    learns_since = std::chrono::steady_clock::now();
    return steering->learn_tcp(true);
}

void Pair::look_after_nobody() {
    if (unchecked) {
        unchecked->give_up();
        unchecked.reset();
        publish();
    }
}

void Pair::publish() {
    PairView now = view();
    now.active = active;
    now.a = handle_of(a.process(), now.a);
    now.a_version = a_version;
    now.a_executable = a.executable();
    now.b = b && b->running() ? handle_of(b->process(), now.b) : nullptr;
    now.b_version = release ? release->version : "";
    now.b_executable = release ? release->vswitchd : "";
    now.a_unchecked = unchecked && active == Side::A ? 0 : windows.unchecked(Side::A);   // 'unchecked' alone may look
    now.b_unchecked = now.b && !(unchecked && active == Side::B) ? windows.unchecked(Side::B) : 0;
    now.active_unchecked = unchecked ? unchecked->count() : nullptr;
    now.check = windows.check;
    now.a_unixctl = control::Front::displaced(a.unixctl_path());
    now.b_unixctl = b ? b->unixctl_path() : "";
    now.bridges = bridge_names();
    std::lock_guard lock(view_mutex_);
    view_ = std::move(now);
}

PairView Pair::view() const {
    std::lock_guard lock(view_mutex_);
    return view_;
}

}  // namespace hitless::upgrade
