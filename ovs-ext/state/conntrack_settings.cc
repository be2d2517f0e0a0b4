#include "state/conntrack_settings.h"

#include <algorithm>

namespace hitless::state {

namespace {

constexpr std::string_view maxconns_key = "maxconns", sequence_check_key = "tcp-seq-chk", default_limit_key = "limit default",
                           zone_limit_prefix = "limit zone ";

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.remove_suffix(1);
    }
    return text;
}

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

Result<bool> SequenceCheck::effective(instance::Control& control) {
    std::string text = TRY(control.call("dpctl/ct-get-tcp-seq-chk"));
    std::string_view state = trim(text);
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
        suspended_[index(control.side())] = false;
    }
    return set(control, wanted);
}

Status SequenceCheck::suspend(instance::Control& control) {
    if (!TRY(effective(control))) {
        return {};
    }
    TRY(set(control, false));
    suspended_[index(control.side())] = true;
    return {};
}

Status SequenceCheck::resume(instance::Control& control) {
    if (!suspended(control.side())) {
        return {};
    }
    TRY(set(control, true));
    suspended_[index(control.side())] = false;
    return {};
}

Result<Snapshot> parse_conntrack_limits(std::string_view text) {
    constexpr std::string_view default_prefix = "default limit=", zone_prefix = "zone=", limit_prefix = ",limit=";
    Snapshot limits;
    while (!text.empty()) {
        size_t end = text.find('\n');
        std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty()) {
            continue;
        }
        if (starts_with(line, default_prefix)) {
            std::string_view limit = line.substr(default_prefix.size());
            if (limit != "0" && limit != "unlimited") {
                limits.push_back({std::string(default_limit_key), std::string(limit)});
            }
            continue;
        }
        size_t limit_at = line.find(limit_prefix);
        if (!starts_with(line, zone_prefix) || limit_at == std::string_view::npos) {
            return make_error("conntrack limits: cannot understand '{}'", line);
        }
        std::string_view zone = line.substr(zone_prefix.size(), limit_at - zone_prefix.size());
        std::string_view limit = line.substr(limit_at + limit_prefix.size());
        limits.push_back({std::string(zone_limit_prefix) + std::string(zone), std::string(limit.substr(0, limit.find(',')))});
    }
    std::sort(limits.begin(), limits.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return limits;
}

Result<Snapshot> ConntrackSettings::dump(instance::Control& from) {
    Snapshot settings = TRY(parse_conntrack_limits(TRY(from.call("dpctl/ct-get-limits"))));
    std::string maxconns = TRY(from.call("dpctl/ct-get-maxconns"));
    settings.push_back({std::string(maxconns_key), std::string(trim(maxconns))});
    settings.push_back({std::string(sequence_check_key), TRY(check_->wanted(from)) ? "enabled" : "disabled"});
    std::sort(settings.begin(), settings.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return settings;
}

Status ConntrackSettings::set(instance::Control& to, const Entry& entry) {
    if (entry.key == sequence_check_key) {
        return check_->set_wanted(to, entry.value == "enabled");
    }
    if (entry.key == maxconns_key) {
        TRY(to.call("dpctl/ct-set-maxconns", {entry.value}));
        return {};
    }
    if (entry.key == default_limit_key) {
        TRY(to.call("dpctl/ct-set-limits", {"default=" + entry.value}));
        return {};
    }
    TRY(to.call("dpctl/ct-set-limits", {"zone=" + entry.key.substr(zone_limit_prefix.size()) + ",limit=" + entry.value}));
    return {};
}

Status ConntrackSettings::remove(instance::Control& to, const Entry& entry) {
    if (starts_with(entry.key, zone_limit_prefix)) {
        TRY(to.call("dpctl/ct-del-limits", {"zone=" + entry.key.substr(zone_limit_prefix.size())}));
    } else if (entry.key == default_limit_key) {
        // Versions before 3.3 cannot delete it; the highest one limits nothing.
        TRY(to.call("dpctl/ct-set-limits", {"default=4294967295"}));
    }
    return {};   // the others are always there
}

Status ConntrackSettings::load(instance::Control& to, const Changes& changes) {
    for (const Entry& entry : changes.remove) {
        TRY(remove(to, entry));
    }
    for (const Snapshot* entries : {&changes.add, &changes.change}) {
        for (const Entry& entry : *entries) {
            if (Status set_entry = set(to, entry); !set_entry) {
                return std::string(name()) / (describe(entry) / set_entry.error());
            }
        }
    }
    return {};
}

}  // namespace hitless::state
