// hitless/diff: what the two instances have, compared on a thread of its own by kinds and sessions of its own.
#include <algorithm>

#include "state/kinds.h"
#include "upgrade/switch_site.h"

namespace hitless::upgrade {
namespace {

// An Error where they cannot be asked.
Status check_both_run(const PairView& view) {
    if (!view.a || !view.a->alive()) {
        return make_error("A does not run: there is nothing to compare");
    }
    if (view.a->stopped()) {
        return make_error("A is frozen and cannot tell its state: compare in state standby, or before and after a toggle");
    }
    if (!view.b || !view.b->alive() || view.b->stopped()) {
        return make_error("B does not run: there is nothing to compare");
    }
    return {};
}

instance::Control control_of(Side side, const PairView& view, const Places& places) {
    control::MgmtLinks links(places.rundir.string(), places.b_rundir().string());
    instance::ControlPaths paths{side == Side::A ? view.a_unixctl : view.b_unixctl, {}};
    for (const auto& bridge : view.bridges) {
        paths.mgmt[bridge] = side == Side::A ? links.a_mgmt(bridge) : links.b_mgmt(bridge);
    }
    return {side, std::move(paths)};
}

Error no_such_kind(const std::string& kind, const state::Kinds& kinds) {
    std::string names;
    for (const auto& one : kinds.list) {
        names += (names.empty() ? "" : ", ") + std::string(one->name());
    }
    return make_error("hitless/diff: there is no kind of state \"{}\"; the kinds are {}", kind, names);
}

}  // namespace

Result<DiffReport> SwitchSite::diff(const std::optional<std::string>& kind) {
    std::shared_ptr<Pair> pair;
    {
        std::lock_guard lock(mutex_);
        pair = pair_;
    }
    state::KindOptions options;
    options.sequence_check = pair ? pair->view().check : nullptr;
    state::Kinds kinds = state::all_kinds(std::move(options));
    if (kind && std::ranges::none_of(kinds.list, [&](const auto& one) { return one->name() == *kind; })) {
        return no_such_kind(*kind, kinds);
    }
    TRY(can_operate());
    if (!pair) {
        return make_error("there is no stand-by instance to compare with (state idle); hitless/standby starts one");
    }
    std::lock_guard lock(diff_mutex_);
    DiffReport report;
    for (const auto& one : kinds.list) {
        if (kind && one->name() != *kind) {
            continue;
        }
        if (blackout_) {
            return make_error("packets are held just now, and nothing may make them wait: ask again");
        }
        auto view = pair->view();   // anew for each: the operation that is under way goes on
        TRY(check_both_run(view));
        report.from = view.active;
        auto from = control_of(report.from, view, places_), to = control_of(other(report.from), view, places_);
        instance::Unhurried unhurried(from);
        auto found = TRY(state::verify(*one, from, to));
        report.kinds.push_back({std::string(one->name()), found.identical, found.missing, found.extra, found.different,
                                found.harmless, std::move(found.examples)});
    }
    return report;
}

}  // namespace hitless::upgrade
