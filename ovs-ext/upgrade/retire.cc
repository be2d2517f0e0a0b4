// Phase retire: B ends, and with it every trace of the pair on the host. Goes on after a failure, and tells of the first.
#include "base/fault.h"
#include "base/private_directory.h"
#include "upgrade/phases.h"

namespace hitless::upgrade {

Status put_sockets_back(pid_t a, int bytes) {
    auto process = Process::open(a);
    if (!process || !process->alive()) {
        return {};
    }
    auto sockets = TRY(datapath::ProcessSockets::open(a));   // ports may have come since
    TRY(sockets.show_devices());
    TRY(sockets.ignore_outgoing(false));
    return bytes ? sockets.reduce_receive_buffers(bytes) : Status();
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
    pair.b_sockets.reset();
    pair.b_control.reset();
    pair.a_control.reset();
    pair.statistics.reset();
    if (pair.b) {
        note(pair.b->stop());
        pair.b.reset();
        pair.publish();
    }
    FAULT_POINT("retire.b-ended");
    if (pair.links) {
        pair.let_in = pair.links->relay();
        pair.links.reset();
    }
    pair.bpf.reset();
    pair.b_namespace.reset();
    FAULT_POINT("retire.namespace-removed");
    pair.host_settings = {};
    FAULT_POINT("retire.settings-back");
    // No sooner: the end of B, and of its namespace, takes A from the processor.
    bool asked_more = pair.windows.check->suspended(Side::A);   // by UncheckedConnections
    note(put_sockets_back(pair.a.process().pid(), asked_more ? 0 : pair.a_receive_buffer_bytes));
    note(remove_directory(step.places.staging()));
    note(remove_directory(step.places.own()));   // last: by it a pair is known
    note(step.journal.set_instance(Side::B, {}));
    return first;
}

}  // namespace hitless::upgrade
