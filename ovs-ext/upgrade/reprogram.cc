// Phase reprogram: A's software is replaced while B forwards, and A restarted from it, silent: nothing reaches it, nothing that
// it sends gets out, and the gate keeps it from the controllers.
#include <poll.h>
#include <unistd.h>

#include "base/fault.h"
#include "ovsdb/clone.h"
#include "ovsdb/conversion.h"
#include "software/installation.h"
#include "upgrade/kept_releases.h"
#include "upgrade/live_changes.h"
#include "upgrade/phases.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

// Where ovs-appctl looks while the daemon holds A's pidfile.
std::string stand_in_path(const Pair& pair) {
    return pair.a.command_line().unixctl.empty()
               ? pair.a.rundir() + "/ovs-vswitchd." + std::to_string(::getpid()) + ".ctl"
               : pair.a.command_line().unixctl;
}

// What runs in A's place and is not the A that is known: the new software's process, up but not fit, or one that somebody else has
// started. Not while we hold the pidfile: closing it would let go of its lock.
Status end_stranger(const Pair& pair) {
    if (pair.pidfile && pair.pidfile->held()) {
        return {};
    }
    TRY(Process::end_by_pidfile(pair.a.command_line().pidfile));
    return {};
}

// Ends A's old process. The daemon takes its place where tools look for it.
Status end_a(Step& step) {
    auto& pair = step.pair;
    std::vector<std::string> devices;
    for (const auto& port : pair.ports) {
        if (!port.tap) {
            devices.push_back(port.name);
        }
    }
    // A's restart through systemd restarts its ovsdb-server, too: Debian's units belong together (PartOf=).
    pair.replicator.reset();
    // A's end takes away its share of the ports' promiscuous mode.
    pair.promiscuous = TRY(datapath::Promiscuous::hold(devices));
    pair.a_sockets.reset();   // a duplicate of a tap keeps it busy for the new process
    pair.a_control->reset(pair.a_paths());
    if (pair.a.process().alive()) {
        TRY(pair.a.kill());
    }
    TRY(end_stranger(pair));
    if (step.front.serves(pair.a.unixctl_path())) {   // not where a start has failed before
        TRY(step.front.give_back(pair.a.unixctl_path()));
    }
    FAULT_POINT("reprogram.killed");
    return stand_in_for_a(pair, step.front);
}

// B forwards, so there is time to see whether the new process lasts. No longer than B does, though: then A is needed.
Status prove(Pair& pair) {
    auto end = std::chrono::steady_clock::now() + pair.settings.probation;
    while (std::chrono::steady_clock::now() < end && check_running(pair)) {
        pollfd ended = {pair.a.process().pidfd(), POLLIN, 0};
        if (::poll(&ended, 1, 20) > 0) {
            return make_error("{}: the new process {} ended soon after its start; its log says why",
                              pair.a.executable().string(), pair.a.process().pid());
        }
    }
    TRY(pair.a_control->call("version", {}, 5s));
    return {};
}

// Where somebody's ovs-ctl could not start the switch, which for a moment was not there, it has left behind that the next one is to wait for
// its flows. That one would forward nothing until somebody says that it has them.
void end_restore_wait(Step& step) {
    auto ended = [&]() -> Status {
        auto client = TRY(ovsdb::Client::connect(TRY(step.pair.a.database_socket())));
        return ovsdb::end_restore_wait(client);
    }();
    if (!ended) {
        step.warn(fmt::format("other_config:flow-restore-wait of table Open_vSwitch could not be removed: {}", ended.error().message));
    }
}

// In the place of the stand-in.
Status start_process(Step& step) {
    auto& pair = step.pair;
    TRY(step.front.give_back(stand_in_path(pair)));
    TRY(pair.pidfile->release());
    FAULT_POINT("reprogram.before-start");
    pair.links->a_starts(true);
    auto started = pair.a.start(pair.settings.start_limit, pair.a.started_as().scheduling.giving_way());   // to B, until the hold
    pair.links->a_starts(false);
    TRY(std::move(started));
    FAULT_POINT("reprogram.started");
    TRY(step.front.take_over(pair.a.unixctl_path()));
    pair.forget(Side::A);
    pair.a_control->reset(pair.a_paths());
    return {};
}

Status start_a(Step& step) {
    auto& pair = step.pair;
    TRY(start_process(step));
    TRY(prove(pair));
    end_restore_wait(step);
    TRY(pair.open_sockets(Side::A));
    pair.promiscuous.reset();
    pair.a_version = TRY(instance::version_of(pair.a.running_image()));
    pair.publish();
    TRY(step.enter_role(Side::A, "standby"));
    return follow_changes(pair, step.places);
}

// The operator's database gets what the new software's schema has more, while it is served. (A service does the same when it starts.)
// Software that does not find what it knows does without.
void convert_database(Step& step) {
    const auto& schema = step.pair.release->schema;
    auto server = step.pair.a.database_socket();
    if (!schema || !server) {
        return;
    }
    if (auto converted = ovsdb::convert(*server, *schema, ovsdb::Conversion::up); !converted) {
        step.warn(fmt::format("the database keeps its schema: {}", converted.error().message));
    }
}

// A file of a package that is not the package's any more: its next upgrade would put another there, and says so to nobody.
void warn_of_package(Step& step, const std::filesystem::path& file) {
    if (auto owner = run_checked({"dpkg-query", "--search", file.string()})) {
        step.warn(fmt::format("{} belongs to the package {}: it was replaced in place, and dpkg --verify reports that until the "
                              "package is upgraded", file.string(), owner->substr(0, owner->find(':'))));
    }
}

// For going back: now, if the new software does not start, and later, by an upgrade to it.
Status keep_old_software(Step& step) {
    auto& pair = step.pair;
    software::Release old;
    old.source = pair.a.executable();
    old.version = pair.a_version;
    old.vswitchd = pair.a.process().alive() ? pair.a.running_image() : pair.a.executable();
    software::Store store(step.places.releases());
    auto kept = TRY(store.keep(old, pair.a.executable()));
    TRY(pair.change_record(step.places, [&](PairRecord& record) { record.old_binary = kept.release.vswitchd; }));
    TRY(store.prune(pair.settings.releases_max, {kept.release.sha256}));
    return note_releases(store, step.journal);
}

}  // namespace

Status stand_in_for_a(Pair& pair, control::Front& front) {
    pair.pidfile.emplace(pair.a.command_line().pidfile);
    TRY(pair.pidfile->hold());
    return front.serves(stand_in_path(pair)) ? Status() : front.serve(stand_in_path(pair));
}

Status revive_a(Step& step) {
    auto& pair = step.pair;
    if (!pair.pidfile || !pair.pidfile->held()) {
        TRY(end_a(step));
    }
    TRY(start_process(step));
    return pair.replicator ? Status() : follow_changes(pair, step.places);
}

Status run_reprogram(Step& step) {
    auto& pair = step.pair;
    const auto& target = pair.a.executable();
    if (pair.record().old_binary.empty()) {   // else an earlier daemon was at that: what A is started from may be new
        TRY(keep_old_software(step));
    }
    TRY(step.journal.add_host_change("file " + target.string(), pair.record().old_binary.string()));
    FAULT_POINT("reprogram.kept");
    if (pair.release->vswitchd != target) {
        TRY(software::install(pair.release->vswitchd, target));   // A goes on running the old file
    }
    FAULT_POINT("reprogram.installed");
    TRY(end_a(step));
    convert_database(step);
    TRY(start_a(step));
    if (pair.release->vswitchd != target) {
        warn_of_package(step, target);
    }
    return {};
}

Status put_back(Step& step) {
    if (step.pair.a.process().stopped()) {   // it failed before A was touched
        return run_thaw(step);
    }
    return start_from_old(step);
}

Status start_from_old(Step& step) {
    auto& pair = step.pair;
    auto old_binary = pair.record().old_binary;
    if (old_binary.empty()) {
        return make_error("the old software was not kept, and A has ended; hitless/return starts it from {}",
                          pair.a.executable().string());
    }
    TRY(end_a(step));
    TRY(software::install(old_binary, pair.a.executable()));
    FAULT_POINT("put-back.installed");
    return start_a(step);
}

}  // namespace hitless::upgrade
