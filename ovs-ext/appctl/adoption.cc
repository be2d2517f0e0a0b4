#include "appctl/adoption.h"

#include "base/openvswitch.h"
#include "instance/operator_switch.h"

VLOG_DEFINE_THIS_MODULE(hitless_adoption);

namespace hitless::appctl {
namespace {

constexpr long long int kLookEveryMs = 500;

}  // namespace

Adoption::~Adoption() {
    if (process_) {
        (void) front_.give_back(path_).ok();
    }
}

void Adoption::look_for_switch() {
    if (auto adopted = adopt(); adopted) {
        problem_.clear();
        VLOG_INFO("adopted ovs-vswitchd, process %d, at %s", static_cast<int>(process_->pid()), path_.c_str());
    } else if (problem_ != adopted.error().message) {
        problem_ = adopted.error().message;
        VLOG_WARN("%s", problem_.c_str());
    }
}

Status Adoption::adopt() {
    auto found = TRY(instance::OperatorSwitch::find(rundir_));
    auto process = TRY(Process::open(found.process().pid()));
    if (!front_.serves(found.unixctl_path())) {   // else an operation has put it there
        TRY(front_.take_over(found.unixctl_path()));
    }
    path_ = found.unixctl_path();
    front_.set_active(control::Front::displaced(path_));
    process_ = std::move(process);
    return {};
}

void Adoption::run(bool at_rest) {
    if (!at_rest) {
        process_.reset();   // what the operation has made of the switch is found out after it
        next_look_ms_ = 0;
        return;
    }
    if (process_ && !process_->alive()) {
        VLOG_INFO("ovs-vswitchd, process %d, has ended", static_cast<int>(process_->pid()));
        (void) front_.give_back(path_).ok();
        front_.set_active("");
        process_.reset();
    }
    if (!process_ && time_msec() >= next_look_ms_) {
        next_look_ms_ = time_msec() + kLookEveryMs;
        look_for_switch();
    }
}

void Adoption::wait(bool at_rest) const {
    if (!at_rest) {
        poll_timer_wait(kLookEveryMs);
    } else if (process_) {
        poll_fd_wait(process_->pidfd(), POLLIN);
    } else {
        poll_timer_wait_until(next_look_ms_);
    }
}

}  // namespace hitless::appctl
