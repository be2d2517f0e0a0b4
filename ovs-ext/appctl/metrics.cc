#include "appctl/metrics.h"

#include <fmt/format.h>

#include <map>

namespace hitless::appctl {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

double seconds(std::chrono::microseconds duration) {
    return static_cast<double>(duration.count()) / 1e6;
}

std::string escaped(const std::string& text) {
    std::string out;
    for (char c : text) {
        if (c == '\\' || c == '"') {
            out += '\\';
        }
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
}

// Metrics one after the other: add() belongs to the last begin().
class Text {
  public:
    void begin(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        out_ += fmt::format("# HELP ovs_hitless_{0} {2}\n# TYPE ovs_hitless_{0} {1}\n", name, type, help);
    }
    template <typename Number>
    void add(Number value, const Labels& labels = {}) {
        std::string text;
        for (const auto& [name, label] : labels) {
            text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(label));
        }
        out_ += fmt::format("ovs_hitless_{}{} {}\n", name_, text.empty() ? "" : "{" + text + "}", value);
    }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
    std::string_view name_;
};

void add_status(Text& text, const StatusReport& status) {
    text.begin("up", "gauge", "Whether ovs-hitlessd answers.");
    text.add(1);
    text.begin("info", "gauge", "The daemon; its value is always 1.");
    text.add(1, {{"version", status.version}});
    text.begin("state", "gauge", "Whether the switch is in this state.");
    for (const char* state : {"idle", "standby", "upgrading", "failed-over"}) {
        text.add(status.state == state ? 1 : 0, {{"state", state}});
    }
    text.begin("problem", "gauge", "Whether something keeps the daemon from its work.");
    text.add(status.problem.empty() ? 0 : 1);
    text.begin("instance_up", "gauge", "Whether the instance has a process.");
    for (const auto& instance : status.instances) {
        text.add(instance.pid ? 1 : 0, {{"instance", instance.name}, {"role", instance.role}, {"version", instance.version}});
    }
    text.begin("unchecked_tcp_connections", "gauge",
               "TCP connections for whose sake the instance does not check sequence numbers of any.");
    for (const auto& instance : status.instances) {
        text.add(instance.unchecked_tcp, {{"instance", instance.name}});
    }
}

void add_history(Text& text, const std::vector<upgrade::Summary>& history) {
    std::map<std::pair<std::string, std::string>, int> kept;
    for (const auto& one : history) {
        kept[{std::string(to_string(one.command)), std::string(to_string(one.outcome))}]++;
    }
    text.begin("history_operations", "gauge", "Operations in the history that is kept.");
    for (const auto& [key, number] : kept) {
        text.add(number, {{"command", key.first}, {"result", key.second}});
    }
    text.begin("operations_total", "counter", "Operations that were begun, ever.");
    text.add(history.empty() ? 0 : history.back().number);
}

void add_operation(Text& text, const upgrade::Summary& last) {
    text.begin("last_operation_info", "gauge", "The operation under way or the last one; its value is always 1.");
    text.add(1, {{"command", std::string(to_string(last.command))}, {"result", std::string(to_string(last.outcome))},
                 {"from_version", last.from_version}, {"to_version", last.to_version}});
    text.begin("last_operation_success", "gauge", "Whether the last operation was done.");
    text.add(last.outcome == upgrade::Outcome::done ? 1 : 0);
    if (!last.phases.empty()) {
        text.begin("last_operation_start_time_seconds", "gauge", "When it began, since 1970.");
        text.add(seconds(last.phases.front().began));
    }
    text.begin("last_operation_duration_seconds", "gauge", "How long it took, or has taken.");
    text.add(seconds(last.duration));
    text.begin("last_operation_blackout_seconds", "gauge", "The longest that any packet waited because of a hand-over.");
    text.add(seconds(last.blackout));
    text.begin("last_operation_held_packets", "gauge", "Packets that waited in its hand-overs.");
    text.add(last.held);
    text.begin("last_operation_dropped_packets", "gauge", "Those of them that were lost.");
    text.add(last.dropped);
    text.begin("last_operation_phase_duration_seconds", "gauge", "How long a phase took, or has taken.");
    std::map<std::string, std::chrono::microseconds> phases;   // one that was gone on with by another daemon is there twice
    for (const auto& phase : last.phases) {
        phases[std::string(to_string(phase.phase))] += phase.duration;
    }
    for (const auto& [phase, duration] : phases) {
        text.add(seconds(duration), {{"phase", phase}});
    }
    text.begin("last_operation_copied_entries", "gauge", "Entries of a kind of state that were copied before the hand-over.");
    for (const auto& one : last.transfers) {
        text.add(one.copied, {{"kind", one.kind}, {"sender", std::string(to_string(one.sender))}});
    }
    text.begin("last_operation_copy_duration_seconds", "gauge", "How long the copy of a kind of state took.");
    for (const auto& one : last.transfers) {
        text.add(seconds(one.duration), {{"kind", one.kind}, {"sender", std::string(to_string(one.sender))}});
    }
}

void add_bond(Text& text, const datapath::Bond& bond) {
    using Counters = datapath::PortCounters;
    auto add = [&](std::string_view name, std::string_view help, auto a, auto b) {
        text.begin(name, "counter", help);
        for (const auto& member : bond.members) {
            text.add(member.counters.*a, {{"port", member.port.name}, {"instance", "A"}});
            text.add(member.counters.*b, {{"port", member.port.name}, {"instance", "B"}});
        }
    };
    add("port_received_packets_total", "Packets of the port that went to the instance.", &Counters::to_a, &Counters::to_b);
    add("port_sent_packets_total", "Packets of the instance that left by the port.", &Counters::from_a, &Counters::from_b);
    add("port_gated_packets_total", "Packets that the instance sent while it may not.", &Counters::gated_a, &Counters::gated_b);
    text.begin("port_held_packets_total", "counter", "Packets of the port that waited in a hand-over.");
    for (const auto& member : bond.members) {
        text.add(member.counters.held, {{"port", member.port.name}});
    }
    text.begin("port_dropped_packets_total", "counter", "Packets of the port that were lost in a hand-over.");
    for (const auto& member : bond.members) {
        text.add(member.counters.hold_dropped + member.counters.hold_refused, {{"port", member.port.name}});
    }
}

}  // namespace

std::string metrics_text(const MetricsReport& report) {
    Text text;
    add_status(text, report.status);
    add_history(text, report.history);
    if (report.status.operation) {
        add_operation(text, *report.status.operation);
    } else if (!report.history.empty()) {
        add_operation(text, report.history.back());
    }
    if (report.bond) {
        add_bond(text, *report.bond);
    }
    return text.take();
}

}  // namespace hitless::appctl
