#include "appctl/render.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <json/writer.h>

namespace hitless::appctl {
namespace {

using std::chrono::microseconds;

double milliseconds(microseconds duration) {
    return static_cast<double>(duration.count()) / 1000.0;
}

Json::Value strings(const std::vector<std::string>& texts) {
    Json::Value array(Json::arrayValue);
    for (const auto& text : texts) {
        array.append(text);
    }
    return array;
}

Json::Value count(uint64_t number) {
    return Json::Value(static_cast<Json::UInt64>(number));
}

Json::Value duration_us(microseconds duration) {
    return Json::Value(static_cast<Json::Int64>(duration.count()));
}

std::string versions(const upgrade::Summary& summary) {
    if (summary.from_version.empty()) {
        return "";
    }
    if (summary.to_version.empty()) {
        return summary.from_version;
    }
    return summary.from_version + " -> " + summary.to_version;
}

std::string lines(const std::vector<std::string>& texts, std::string_view mark) {
    std::string out;
    for (const auto& text : texts) {
        out += fmt::format("{}: {}\n", mark, text);
    }
    return out;
}

std::string progress_text(const upgrade::Progress& progress) {
    std::string out = fmt::format("{}, {}", progress.what, progress.done);
    return progress.total ? fmt::format("{} of {} {}", out, progress.total, progress.unit) : fmt::format("{} {}", out, progress.unit);
}

std::string phase_lines(const upgrade::Summary& summary) {
    std::string out = fmt::format("\n  {:<12} {:>12}\n", "phase", "time");
    std::string under_way = "  under way";
    if (summary.progress) {
        under_way += ": " + progress_text(*summary.progress);
    }
    for (const auto& record : summary.phases) {
        out += fmt::format("  {:<12} {:>9.1f} ms{}\n", to_string(record.phase), milliseconds(record.duration),
                           record.running ? under_way : record.error.empty() ? "" : "  failed");
    }
    return out;
}

std::string transfer_lines(const upgrade::Summary& summary) {
    if (summary.transfers.empty()) {
        return "";
    }
    std::string out = fmt::format("\n  {:<18} {:>6} {:>9} {:>9} {:>9} {:>9} {:>12} {:>18}\n", "state kind", "way", "copied",
                                  "identical", "differing", "in hold", "time", "longest request");
    for (const auto& record : summary.transfers) {
        out += fmt::format("  {:<18} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9.1f} ms {:>15.1f} ms\n", record.kind,
                           record.sender == Side::A ? "A->B" : "B->A", record.copied, record.identical,
                           record.differing, record.delta, milliseconds(record.duration), milliseconds(record.longest_request));
    }
    return out + "\n" + lines(upgrade::not_carried(), "  not carried");
}

std::string counters_lines(const upgrade::Summary& summary) {
    std::string out = summary.counters.empty() ? "" : "\n";
    for (const auto& record : summary.counters) {
        out += fmt::format("  {} counted {} packets, {} bytes in {} flows of bridge {}{}\n", to_string(record.instance), record.packets,
                           record.bytes, record.flows, record.bridge, record.file.empty() ? "" : ": " + record.file);
    }
    return out;
}

std::string policy_text(const journal::SoakPolicy& policy) {
    std::string out = fmt::format("{} s; A has the packets back when B ends or is stopped", policy.length.count());
    if (policy.silence.count()) {
        out += fmt::format(", forwards under {} % of what A did for {} ms", policy.forwards_percent, policy.silence.count());
    }
    if (policy.memory_megabytes) {
        out += fmt::format(", grows by {} MB", policy.memory_megabytes);
    }
    return out;
}

Json::Value policy_json(const journal::SoakPolicy& policy) {
    Json::Value value(Json::objectValue);
    value["length_us"] = duration_us(policy.length);
    value["silence_us"] = duration_us(policy.silence);
    value["forwards_percent"] = policy.forwards_percent;
    value["memory_megabytes"] = count(policy.memory_megabytes);
    return value;
}

}  // namespace

std::string summary_table(const upgrade::Summary& summary) {
    std::string out = fmt::format("hitless/{} {}: {}", to_string(summary.command), summary.number,
                                  to_string(summary.outcome));
    if (auto text = versions(summary); !text.empty()) {
        out += fmt::format(", Open vSwitch {}", text);
    }
    out += "\n";
    if (!summary.error.empty()) {
        out += fmt::format("error: {}\n", summary.error);
    }
    out += lines(summary.warnings, "warning");
    if (!summary.source.empty()) {
        out += fmt::format("source: {}\n", summary.source);
    }
    out += fmt::format("state: {}\n", to_string(summary.state));
    out += phase_lines(summary);
    out += transfer_lines(summary);
    out += counters_lines(summary);
    out += fmt::format("\n  packets held {}, dropped {}; blackout {:.3f} ms; {:.2f} s in all, {:.2f} s of it soak\n",
                       summary.held, summary.dropped, milliseconds(summary.blackout),
                       milliseconds(summary.duration) / 1000, milliseconds(summary.soaked) / 1000);
    return out;
}

Json::Value summary_json(const upgrade::Summary& summary) {
    Json::Value value(Json::objectValue);
    value["number"] = count(summary.number);
    value["command"] = std::string(to_string(summary.command));
    value["result"] = std::string(to_string(summary.outcome));
    value["state"] = std::string(to_string(summary.state));
    value["from_version"] = summary.from_version;
    value["to_version"] = summary.to_version;
    value["source"] = summary.source;
    value["sha256"] = summary.sha256;
    value["held"] = count(summary.held);
    value["dropped"] = count(summary.dropped);
    value["blackout_us"] = duration_us(summary.blackout);
    value["duration_us"] = duration_us(summary.duration);
    value["soak_us"] = duration_us(summary.soaked);
    value["progress"] = Json::Value();
    if (const auto& progress = summary.progress) {
        value["progress"]["what"] = progress->what;
        value["progress"]["unit"] = progress->unit;
        value["progress"]["done"] = count(progress->done);
        value["progress"]["total"] = count(progress->total);
    }
    value["warnings"] = strings(summary.warnings);
    value["not_carried"] = strings(upgrade::not_carried());
    value["error"] = summary.error;
    value["plan"] = Json::Value(Json::arrayValue);
    for (auto phase : summary.plan) {
        value["plan"].append(std::string(to_string(phase)));
    }
    value["phases"] = Json::Value(Json::arrayValue);
    for (const auto& record : summary.phases) {
        Json::Value phase(Json::objectValue);
        phase["name"] = std::string(to_string(record.phase));
        phase["began_us"] = duration_us(record.began);
        phase["duration_us"] = duration_us(record.duration);
        phase["state"] = record.running ? "running" : record.error.empty() ? "done" : "failed";
        phase["error"] = record.error;
        value["phases"].append(phase);
    }
    value["transfers"] = Json::Value(Json::arrayValue);
    for (const auto& record : summary.transfers) {
        Json::Value transfer(Json::objectValue);
        transfer["kind"] = record.kind;
        transfer["sender"] = std::string(to_string(record.sender));
        transfer["copied"] = count(record.copied);
        transfer["identical"] = count(record.identical);
        transfer["differing"] = count(record.differing);
        transfer["delta"] = count(record.delta);
        transfer["duration_us"] = duration_us(record.duration);
        transfer["longest_request_us"] = duration_us(record.longest_request);
        value["transfers"].append(transfer);
    }
    value["counters"] = Json::Value(Json::arrayValue);
    for (const auto& record : summary.counters) {
        Json::Value counters(Json::objectValue);
        counters["instance"] = std::string(to_string(record.instance));
        counters["bridge"] = record.bridge;
        counters["flows"] = count(record.flows);
        counters["packets"] = count(record.packets);
        counters["bytes"] = count(record.bytes);
        counters["file"] = record.file;
        value["counters"].append(counters);
    }
    value["holds"] = Json::Value(Json::arrayValue);
    for (const auto& record : summary.holds) {
        Json::Value hold(Json::objectValue);
        hold["sender"] = std::string(to_string(record.sender));
        hold["began_us"] = duration_us(record.began);
        hold["duration_us"] = duration_us(record.duration);
        hold["held"] = count(record.held);
        value["holds"].append(hold);
    }
    value["messages"] = Json::Value(Json::arrayValue);
    for (const auto& record : summary.messages) {
        Json::Value message(Json::objectValue);
        message["sender"] = record.sender;
        message["receiver"] = record.receiver;
        message["verb"] = record.verb;
        message["detail"] = record.detail;
        message["time_us"] = duration_us(record.time);
        value["messages"].append(message);
    }
    return value;
}

std::string status_table(const StatusReport& report) {
    std::string out = fmt::format("ovs-hitlessd {}: {}\n", report.version, report.state);
    for (const auto& instance : report.instances) {
        out += fmt::format("  {}: {}", instance.name, instance.role);
        if (instance.pid) {
            out += fmt::format(", pid {}, Open vSwitch {}, {}", instance.pid, instance.version, instance.executable);
        }
        out += "\n";
        if (instance.unchecked_tcp) {
            out += fmt::format("     does not check TCP sequence numbers: those of {} connections are not known\n", instance.unchecked_tcp);
        }
    }
    out += fmt::format("  soak: {}\n", report.soak ? policy_text(*report.soak) : report.soak.error().message);
    if (!report.problem.empty()) {
        out += "  " + report.problem + "\n";
    }
    if (report.operation) {
        out += "\n" + summary_table(*report.operation);
    }
    return out;
}

Json::Value status_json(const StatusReport& report) {
    Json::Value value(Json::objectValue);
    value["version"] = report.version;
    value["state"] = report.state;
    value["instances"] = Json::Value(Json::arrayValue);
    for (const auto& instance : report.instances) {
        Json::Value one(Json::objectValue);
        one["name"] = instance.name;
        one["role"] = instance.role;
        one["pid"] = instance.pid ? Json::Value(static_cast<Json::Int64>(instance.pid)) : Json::Value();
        one["version"] = instance.version;
        one["executable"] = instance.executable;
        one["unchecked_tcp"] = count(instance.unchecked_tcp);
        value["instances"].append(one);
    }
    value["problem"] = report.problem;
    value["soak"] = report.soak ? policy_json(*report.soak) : Json::Value();
    value["operation"] = report.operation ? summary_json(*report.operation) : Json::Value();
    return value;
}

std::string check_table(const upgrade::CheckReport& report) {
    std::string out = fmt::format("Open vSwitch {}, {} bridges, {} ports: {}\n", report.version, report.bridges,
                                  report.ports, report.refusals.empty() ? "can be upgraded hitless" : "refused");
    out += lines(report.refusals, "refused") + lines(report.warnings, "warning");
    return out + (report.refusals.empty() ? lines(upgrade::not_carried(), "not carried") : "");
}

Json::Value check_json(const upgrade::CheckReport& report) {
    Json::Value value(Json::objectValue);
    value["ok"] = report.refusals.empty();
    value["version"] = report.version;
    value["bridges"] = count(report.bridges);
    value["ports"] = count(report.ports);
    value["refusals"] = strings(report.refusals);
    value["warnings"] = strings(report.warnings);
    value["not_carried"] = strings(upgrade::not_carried());
    return value;
}

std::string diff_table(const upgrade::DiffReport& report) {
    auto name = to_string(report.from);
    std::string out = fmt::format("{} compared with {}, which is active\n  {:<18} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
                                  to_string(other(report.from)), name, "state kind", "same", "missing", "extra", "changed",
                                  "harmless");
    for (const auto& kind : report.kinds) {
        out += fmt::format("  {:<18} {:>9} {:>9} {:>9} {:>9} {:>9}\n", kind.kind, kind.same, kind.missing, kind.extra,
                           kind.changed, kind.harmless);
        for (const auto& example : kind.examples) {
            out += fmt::format("    {}\n", example);
        }
    }
    return out;
}

Json::Value diff_json(const upgrade::DiffReport& report) {
    Json::Value value(Json::objectValue);
    value["from"] = std::string(to_string(report.from));
    value["to"] = std::string(to_string(other(report.from)));
    value["kinds"] = Json::Value(Json::arrayValue);
    for (const auto& kind : report.kinds) {
        Json::Value one(Json::objectValue);
        one["kind"] = kind.kind;
        one["same"] = count(kind.same);
        one["missing"] = count(kind.missing);
        one["extra"] = count(kind.extra);
        one["changed"] = count(kind.changed);
        one["harmless"] = count(kind.harmless);
        one["examples"] = strings(kind.examples);
        value["kinds"].append(one);
    }
    return value;
}

std::string releases_table(const upgrade::ReleaseReport& report) {
    std::string out = fmt::format("  {:<8} {:<10} {:<24} {:<20} {:<12}  {}\n", "", "version", "package", "kept since", "SHA-256", "source");
    auto add = [&](const software::KeptRelease& kept, std::string_view mark) {
        const auto& release = kept.release;
        std::chrono::sys_seconds since(std::chrono::duration_cast<std::chrono::seconds>(kept.kept_since));
        out += fmt::format("  {:<8} {:<10} {:<24} {:%Y-%m-%dT%H:%M:%SZ} {:<12}  {}\n", mark, release.version,
                           release.package_version.empty() ? "-" : release.package_version, since, release.sha256.substr(0, 12),
                           release.source);
    };
    for (const auto& kept : report.kept) {
        add(kept, kept.release.sha256 == report.running ? "running" : "kept");
    }
    for (const auto& kept : report.removed) {
        add(kept, "removed");
    }
    return out;
}

Json::Value releases_json(const upgrade::ReleaseReport& report) {
    Json::Value value(Json::objectValue);
    for (auto [name, list] : {std::pair{"kept", &report.kept}, {"removed", &report.removed}}) {
        value[name] = Json::Value(Json::arrayValue);
        for (const auto& [release, since] : *list) {
            Json::Value one(Json::objectValue);
            one["version"] = release.version;
            one["package"] = release.package;
            one["package_version"] = release.package_version;
            one["sha256"] = release.sha256;
            one["source"] = release.source;
            one["path"] = release.vswitchd.string();
            one["kept_since_us"] = duration_us(since);
            one["running"] = release.sha256 == report.running;
            value[name].append(one);
        }
    }
    return value;
}

std::string bond_table(const datapath::Bond& bond) {
    std::string out = "---- hitless ----\nbond_mode: active-backup\n";
    out += fmt::format("active member: {}{}\n", to_string(bond.active), bond.halted ? " (halted)" : "");
    for (const auto& member : bond.members) {
        const auto& c = member.counters;
        out += fmt::format("\nport {}{}:\n", member.port.name, member.port.tap ? " (tap)" : "");
        auto line = [&](Side side, bool attached, uint64_t in, uint64_t out_packets, uint64_t gated) {
            return fmt::format("  member {}: {}{}; received {}, sent {}, gated {}\n", to_string(side),
                               attached ? "enabled" : "disabled", bond.active == side ? ", active" : "", in,
                               out_packets, gated);
        };
        out += line(Side::A, member.a_attached, c.to_a, c.from_a, c.gated_a);
        out += line(Side::B, member.b_attached, c.to_b, c.from_b, c.gated_b);
        out += fmt::format("  held {}, released {}, dropped {}\n", c.held, c.released,
                           c.hold_dropped + c.hold_refused);
    }
    return out;
}

Json::Value bond_json(const datapath::Bond& bond) {
    Json::Value value(Json::objectValue);
    value["active"] = std::string(to_string(bond.active));
    value["halted"] = bond.halted;
    value["ports"] = Json::Value(Json::arrayValue);
    for (const auto& member : bond.members) {
        const auto& c = member.counters;
        Json::Value port(Json::objectValue);
        port["name"] = member.port.name;
        port["tap"] = member.port.tap;
        port["held"] = count(c.held);
        port["released"] = count(c.released);
        port["dropped"] = count(c.hold_dropped + c.hold_refused);
        port["A"]["attached"] = member.a_attached;
        port["A"]["received"] = count(c.to_a);
        port["A"]["sent"] = count(c.from_a);
        port["A"]["gated"] = count(c.gated_a);
        port["B"]["attached"] = member.b_attached;
        port["B"]["received"] = count(c.to_b);
        port["B"]["sent"] = count(c.from_b);
        port["B"]["gated"] = count(c.gated_b);
        value["ports"].append(port);
    }
    return value;
}

std::string history_table(const std::vector<upgrade::Summary>& history) {
    std::string out = fmt::format("{:>6} {:<9} {:<11} {:<18} {:>8} {:>8} {:>12} {:>9}\n", "number", "command", "result",
                                  "version", "held", "dropped", "blackout", "time");
    for (const auto& one : history) {
        out += fmt::format("{:>6} {:<9} {:<11} {:<18} {:>8} {:>8} {:>9.3f} ms {:>7.2f} s\n", one.number,
                           to_string(one.command), to_string(one.outcome), versions(one), one.held, one.dropped,
                           milliseconds(one.blackout), milliseconds(one.duration) / 1000);
        for (const auto& message : one.messages) {
            out += fmt::format("       {:>8} -> {:<2} {:<12} {}\n", message.sender, message.receiver, message.verb,
                               message.detail);
        }
        if (!one.error.empty()) {
            out += fmt::format("       error: {}\n", one.error);
        }
    }
    return out;
}

Json::Value history_json(const std::vector<upgrade::Summary>& history) {
    Json::Value value(Json::arrayValue);
    for (const auto& one : history) {
        value.append(summary_json(one));
    }
    return value;
}

std::string to_text(const Json::Value& value) {
    Json::StreamWriterBuilder writer;
    writer["indentation"] = "";
    return Json::writeString(writer, value) + "\n";
}

}  // namespace hitless::appctl
