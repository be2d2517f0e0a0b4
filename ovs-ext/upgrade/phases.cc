#include "upgrade/phases.h"

#include <algorithm>

namespace hitless::upgrade {

void Step::warn(const std::string& text) {
    bool is_new = false;
    update([&](Summary& summary) {
        is_new = std::ranges::find(summary.warnings, text) == summary.warnings.end();
        if (is_new) {
            summary.warnings.push_back(text);
        }
    });
    if (is_new) {
        (void) journal.warning(text).ok();   // it is in the summary all the same
    }
}

Status Step::enter_role(Side side, const std::string& role) {
    if (side == Side::A) {
        return journal.set_instance(Side::A, {role, pair.a.process().pid(), pair.a_version, pair.a.executable().string(),
                                              places.rundir.string(), ""});
    }
    return journal.set_instance(Side::B, {role, pair.b->process().pid(), pair.release->version,
                                          pair.release->vswitchd.string(), places.b_rundir().string(),
                                          places.b_namespace().string()});
}

}  // namespace hitless::upgrade
