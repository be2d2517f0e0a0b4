#include "state/conntrack_settings.h"

#include <algorithm>

#include "state/conntrack_settings_parser.h"
#include "state/text.h"

namespace hitless::state {

namespace {

constexpr std::string_view maxconns_key = "maxconns", sequence_check_key = "tcp-seq-chk", enabled = "enabled", disabled = "disabled";

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.remove_suffix(1);
    }
    return text;
}

// The rest of 'text' after 'prefix'; empty when it does not begin so.
std::string after_prefix(const std::string& text, std::string_view prefix) {
    return text.starts_with(prefix) ? text.substr(prefix.size()) : "";
}

Result<Snapshot> dump_sweep_interval(instance::Control& from) {
    auto text = from.call("dpctl/ct-get-sweep-interval");
    if (!text && is_unknown_command(text.error())) {   // before 3.2
        return Snapshot();
    }
    return parse_sweep_interval(TRY(std::move(text)));
}

Status set_sweep_interval(instance::Control& to, const std::string& interval_ms) {
    auto set = to.call("dpctl/ct-set-sweep-interval", {interval_ms});
    if (!set && is_unknown_command(set.error())) {
        return make_error("the version of Open vSwitch of instance {} has no such setting: go back to the default "
                          "(dpctl/ct-set-sweep-interval 20000) before an upgrade to it", to_string(to.side()));
    }
    TRY(std::move(set));
    return {};
}

// 'what' as in parse_ipf_status().
Status set_fragments(instance::Control& to, const std::string& what, const std::string& value) {
    constexpr std::string_view minimum = " min";
    if (what == "max") {
        TRY(to.call("dpctl/ipf-set-max-nfrags", {value}));
    } else if (what.ends_with(minimum)) {
        TRY(to.call("dpctl/ipf-set-min-frag", {what.substr(0, what.size() - minimum.size()), value}));
    } else {
        TRY(to.call(value == enabled ? "dpctl/ipf-set-enabled" : "dpctl/ipf-set-disabled", {what}));
    }
    return {};
}

}  // namespace

Result<Snapshot> ConntrackSettings::dump(instance::Control& from) {
    Snapshot settings = TRY(limits_->read(from, commands_ ? std::optional(commands_()) : std::nullopt));
    auto append = [&settings](const Snapshot& more) { settings.insert(settings.end(), more.begin(), more.end()); };
    append(TRY(dump_sweep_interval(from)));
    append(TRY(parse_ipf_status(TRY(from.call("dpctl/ipf-get-status")))));
    std::string maxconns = TRY(from.call("dpctl/ct-get-maxconns"));
    settings.push_back({std::string(maxconns_key), std::string(trim(maxconns))});
    settings.push_back({std::string(sequence_check_key), std::string(TRY(check_->wanted(from)) ? enabled : disabled)});
    sort_by_key(settings);
    return settings;
}

Status ConntrackSettings::set(instance::Control& to, const Entry& entry) {
    if (entry.key == sequence_check_key) {
        return check_->set_wanted(to, entry.value == enabled);
    }
    if (entry.key == sweep_interval_key) {
        return set_sweep_interval(to, entry.value);
    }
    if (std::string what = after_prefix(entry.key, fragments_prefix); !what.empty()) {
        return set_fragments(to, what, entry.value);
    }
    if (entry.key == maxconns_key) {
        TRY(to.call("dpctl/ct-set-maxconns", {entry.value}));
    } else if (entry.key == default_limit_key) {
        TRY(to.call("dpctl/ct-set-limits", {"default=" + entry.value}));
    } else {
        TRY(to.call("dpctl/ct-set-limits", {"zone=" + after_prefix(entry.key, zone_limit_prefix) + ",limit=" + entry.value}));
    }
    return {};
}

Status ConntrackSettings::remove(instance::Control& to, const Entry& entry) {
    if (std::string zone = after_prefix(entry.key, zone_limit_prefix); !zone.empty()) {
        TRY(to.call("dpctl/ct-del-limits", {"zone=" + zone}));
    } else if (entry.key == default_limit_key) {
        // Versions before 3.3 cannot delete it; the highest one limits nothing.
        TRY(to.call("dpctl/ct-set-limits", {"default=4294967295"}));
    } else if (entry.key == sweep_interval_key) {
        return set_sweep_interval(to, "20000");
    }
    return {};   // the others are always there
}

Status ConntrackSettings::load(instance::Control& to, const Changes& changes) {
    limits_->forget(to.side());
    for (const Entry& entry : changes.remove) {
        TRY(remove(to, entry));
    }
    for (const Snapshot* entries : {&changes.add, &changes.change}) {
        for (const Entry& entry : *entries) {
            if (Status set_entry = set(to, entry); !set_entry) {
                return describe(entry) / set_entry.error();
            }
        }
    }
    return {};
}

}  // namespace hitless::state
