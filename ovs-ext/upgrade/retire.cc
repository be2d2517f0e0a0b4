// Phase retire: B ends, and with it every trace of the pair on the host. Goes on after a failure, and tells of the first.
#include "base/fault.h"
#include "base/private_directory.h"
#include "upgrade/phases.h"

namespace hitless::upgrade {
namespace {

Status put_receive_buffers_back(const Pair& pair) {
    if (pair.windows.check->suspended(Side::A)) {
        return {};   // A will be asked more (UncheckedConnections)
    }
    return reduce_receive_buffers(pair.a.process().pid(), pair.a_receive_buffer_bytes);
}

}  // namespace

Status reduce_receive_buffers(pid_t a, int bytes) {
    auto process = Process::open(a);
    if (!bytes || !process || !process->alive()) {
        return {};
    }
    auto sockets = TRY(datapath::ProcessSockets::open(a));   // ports may have come since
    return sockets.reduce_receive_buffers(bytes);
}

Status run_retire(Step& step) {
    auto& pair = step.pair;
    Status first;
    auto note = [&](Status status) {
        if (!status && first) {
            first = std::move(status);
        }
    };
    for (auto& kind : pair.kinds.list) {
        kind->unfollow();
    }
    pair.look_after_nobody();
    pair.replicator.reset();
    pair.b_controllers.reset();
    if (pair.gate) {
        note(pair.gate->lift());
        pair.gate.reset();
    }
    pair.dummy.reset();
    FAULT_POINT("retire.gate-lifted");
    pair.routing.reset();
    if (pair.steering) {
        std::lock_guard lock(pair.steering_mutex);
        note(pair.steering->detach_all());
        pair.steering.reset();
    }
    FAULT_POINT("retire.detached");
    pair.a_sockets.reset();
    note(put_receive_buffers_back(pair));
    pair.b_sockets.reset();
    pair.b_control.reset();
    pair.a_control.reset();
    if (pair.b) {
        note(pair.b->stop());
        pair.b.reset();
        pair.publish();
    }
    FAULT_POINT("retire.b-ended");
    pair.links.reset();
    pair.bpf.reset();
    pair.b_namespace.reset();
    FAULT_POINT("retire.namespace-removed");
    pair.host_settings = {};
    FAULT_POINT("retire.settings-back");
    note(remove_directory(step.places.staging()));
    note(remove_directory(step.places.own()));   // last: by it a pair is known
    note(step.journal.set_instance(Side::B, {}));
    return first;
}

}  // namespace hitless::upgrade
