#include "state/sequence_check.h"

namespace hitless::state {

Result<bool> SequenceCheck::effective(instance::Control& control) {
    std::string text = TRY(control.call("dpctl/ct-get-tcp-seq-chk"));
    std::string state = text.substr(0, text.find_last_not_of(" \n") + 1);
    bool enabled = state == "TCP sequence checking: enabled";
    if (!enabled && state != "TCP sequence checking: disabled") {
        return make_error("instance {}: dpctl/ct-get-tcp-seq-chk says '{}', which is neither enabled nor disabled",
                          to_string(control.side()), state);
    }
    return enabled;
}

Status SequenceCheck::set(instance::Control& control, bool enabled) {
    TRY(control.call(enabled ? "dpctl/ct-enable-tcp-seq-chk" : "dpctl/ct-disable-tcp-seq-chk"));
    return {};
}

Result<bool> SequenceCheck::wanted(instance::Control& control) const {
    if (suspended(control.side())) {
        return true;   // only an enabled check is suspended
    }
    return effective(control);
}

Status SequenceCheck::set_wanted(instance::Control& control, bool wanted) {
    if (wanted && suspended(control.side())) {
        return {};   // resume() will enable it
    }
    if (!wanted) {
        suspended_[index_of(control.side())] = false;
    }
    return set(control, wanted);
}

Status SequenceCheck::suspend(instance::Control& control) {
    if (!TRY(effective(control))) {
        return {};
    }
    suspended_[index_of(control.side())] = true;   // first: who asks meanwhile must not take it for what is wanted
    Status disabled = set(control, false);
    if (!disabled) {
        suspended_[index_of(control.side())] = false;
    }
    return disabled;
}

Status SequenceCheck::resume(instance::Control& control) {
    if (!suspended(control.side())) {
        return {};
    }
    TRY(set(control, true));
    suspended_[index_of(control.side())] = false;
    return {};
}

}  // namespace hitless::state
