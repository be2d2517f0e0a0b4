#include "service_notice.h"

#include <systemd/sd-daemon.h>

#include "base/openvswitch.h"

namespace hitless {

ServiceNotice::ServiceNotice() {
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) > 0) {
        interval_ms_ = static_cast<long long int>(limit_us / 2000);
    }
}

void ServiceNotice::ready() const {
    sd_notify(0, "READY=1");
}

void ServiceNotice::stopping() const {
    sd_notify(0, "STOPPING=1");
}

void ServiceNotice::run() {
    if (interval_ms_ && time_msec() >= next_ms_) {
        next_ms_ = time_msec() + interval_ms_;
        sd_notify(0, "WATCHDOG=1");
    }
}

void ServiceNotice::wait() const {
    if (interval_ms_) {
        poll_timer_wait_until(next_ms_);
    }
}

}  // namespace hitless
