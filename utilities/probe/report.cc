#include "probe/report.h"

#include <fmt/format.h>
#include <json/writer.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace hitless::probe {

namespace {

constexpr size_t kTableRows = 32;

double ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }
double us(int64_t ns) { return static_cast<double>(ns) / 1e3; }
Json::Value count(uint64_t value) { return Json::Value(static_cast<Json::UInt64>(value)); }

Json::Value latency_json(const Histogram& histogram) {
    Json::Value value;
    value["minimum"] = us(histogram.minimum());
    value["mean"] = histogram.mean() / 1e3;
    value["p50"] = us(histogram.percentile(50));
    value["p99"] = us(histogram.percentile(99));
    value["p99_9"] = us(histogram.percentile(99.9));
    value["maximum"] = us(histogram.maximum());
    value["histogram"] = Json::Value(Json::arrayValue);
    for (const auto& [bound, packets] : histogram.steps()) {
        Json::Value step(Json::arrayValue);
        step.append(us(bound));
        step.append(count(packets));
        value["histogram"].append(step);
    }
    return value;
}

Json::Value faults_json(const HostFaults& faults, uint64_t receive_drops) {
    Json::Value value;
    value["receive_drops"] = count(receive_drops);
    value["send_errors"] = count(faults.send_errors);
    value["late_sends"] = count(faults.late_sends);
    value["latest_ms"] = ms(faults.latest_ns);
    value["skipped"] = count(faults.skipped);
    return value;
}

void put_counters(Json::Value& value, const StreamResult& result, uint64_t address_changes) {
    value["sent"] = count(result.sent);
    value["received"] = count(result.received);
    value["lost"] = count(result.lost);
    value["duplicated"] = count(result.duplicated);
    value["reordered"] = count(result.reordered);
    value["displacement"] = count(result.displacement);
    value["too_late"] = count(result.too_late);
    value["alien"] = count(result.alien);
    value["address_changes"] = count(address_changes);
    value["longest_gap_ms"] = ms(result.longest_gap_ns);
    value["blackout_ms"] = ms(result.blackout_ns);
    value["reset_time_ms"]["frame_loss"] = ms(result.reset_frame_loss_ns);
    value["reset_time_ms"]["time_stamp"] = ms(result.reset_time_stamp_ns);
    value["latency_us"] = latency_json(result.latency_ns);
}

// Sums of counters; the worst of times.
struct Total {
    StreamResult result;
    HostFaults faults;
    uint64_t address_changes = 0;

    explicit Total(const RunReport& report) {
        for (const StreamReport& stream : report.streams) {
            add(stream.result);
            address_changes += stream.address_changes;
            faults.send_errors += stream.faults.send_errors;
            faults.late_sends += stream.faults.late_sends;
            faults.skipped += stream.faults.skipped;
            faults.latest_ns = std::max(faults.latest_ns, stream.faults.latest_ns);
        }
    }

  private:
    void add(const StreamResult& other) {
        result.sent += other.sent;
        result.received += other.received;
        result.lost += other.lost;
        result.duplicated += other.duplicated;
        result.reordered += other.reordered;
        result.too_late += other.too_late;
        result.alien += other.alien;
        result.displacement = std::max(result.displacement, other.displacement);
        result.longest_gap_ns = std::max(result.longest_gap_ns, other.longest_gap_ns);
        result.blackout_ns = std::max(result.blackout_ns, other.blackout_ns);
        result.reset_frame_loss_ns = std::max(result.reset_frame_loss_ns, other.reset_frame_loss_ns);
        result.reset_time_stamp_ns = std::max(result.reset_time_stamp_ns, other.reset_time_stamp_ns);
        result.latency_ns.merge(other.latency_ns);
    }
};

Json::Value losses_json(const StreamReport& stream, int64_t started_ns) {
    Json::Value list(Json::arrayValue);
    for (const LossEvent& event : stream.result.loss_events) {
        Json::Value value;
        value["at_s"] = static_cast<double>(event.due_ns - started_ns) / 1e9;
        value["first"] = count(event.first);
        value["packets"] = count(event.packets);
        value["outage_ms"] = ms(event.outage_ns);
        value["recovered"] = event.recovered;
        list.append(value);
    }
    return list;
}

Json::Value series_json(const TimeSeries& series, int64_t started_ns) {
    // What is before the start is empty.
    const size_t first = static_cast<size_t>(std::max<int64_t>(started_ns - series.origin_ns(), 0) / series.interval_ns());
    Json::Value value;
    value["at_s"] = static_cast<double>(series.origin_ns() + static_cast<int64_t>(first) * series.interval_ns() - started_ns) / 1e9;
    value["interval_ms"] = ms(series.interval_ns());
    for (const char* name : {"received", "lost", "latency_mean_us", "latency_maximum_us"}) {
        value[name] = Json::Value(Json::arrayValue);
    }
    for (size_t i = first; i < series.bins().size(); ++i) {
        const TimeSeries::Bin& bin = series.bins()[i];
        value["received"].append(bin.received);
        value["lost"].append(bin.lost);
        value["latency_mean_us"].append(bin.received ? us(bin.latency_sum_ns / bin.received) : 0.0);
        value["latency_maximum_us"].append(us(bin.latency_maximum_ns));
    }
    return value;
}

// Packets that came to this host, but not to us, are not the switch's loss.
uint64_t lost_by_host(const RunReport& report, const StreamResult& total) {
    return std::min(total.lost, report.receive_drops);
}

std::string name_of(const StreamReport& stream) {
    return fmt::format("{}{} {}>{}", stream.flow, stream.reverse ? "r" : "", stream.source, stream.destination);
}

std::string row(const std::string& name, const StreamResult& result) {
    return fmt::format("{:<46} {:>9} {:>9} {:>7} {:>6} {:>6} {:>9.3f} {:>8.3f} {:>8.3f} {:>9.3f}\n", name, result.sent,
                       result.received, result.lost, result.duplicated, result.reordered, ms(result.blackout_ns),
                       ms(result.latency_ns.percentile(50)), ms(result.latency_ns.percentile(99.9)),
                       ms(result.latency_ns.maximum()));
}

}  // namespace

Json::Value to_json(const RunReport& report) {
    const Total total(report);
    Json::Value value;
    value["version"] = 1;
    value["rate_pps"] = report.rate_pps;
    value["size_bytes"] = report.size_bytes;
    value["started_s"] = static_cast<double>(report.started_ns) / 1e9;
    value["duration_s"] = report.duration_s;
    value["clock_step_ms"] = ms(report.clock_step_ns);
    put_counters(value["total"], total.result, total.address_changes);
    value["total"]["lost_by_host"] = count(lost_by_host(report, total.result));
    value["total"]["lost_by_switch"] = count(total.result.lost - lost_by_host(report, total.result));
    value["total"]["host"] = faults_json(total.faults, report.receive_drops);
    value["total"]["host"]["backlog_drops"] = count(report.backlog_drops);
    if (report.series.interval_ns() > 0) {
        value["total"]["series"] = series_json(report.series, report.started_ns);
    }
    value["flows"] = Json::Value(Json::arrayValue);
    for (const StreamReport& stream : report.streams) {
        Json::Value entry;
        entry["flow"] = stream.flow;
        entry["direction"] = stream.reverse ? "reverse" : "forward";
        entry["from"] = stream.from;
        entry["to"] = stream.to;
        entry["source"] = stream.source;
        entry["destination"] = stream.destination;
        put_counters(entry, stream.result, stream.address_changes);
        entry["host"] = faults_json(stream.faults, stream.receive_drops);
        entry["loss_events"] = count(stream.result.loss_events_total);
        entry["losses"] = losses_json(stream, report.started_ns);
        if (stream.result.series.interval_ns() > 0) {
            entry["series"] = series_json(stream.result.series, report.started_ns);
        }
        value["flows"].append(entry);
    }
    return value;
}

std::string to_table(const RunReport& report) {
    const Total total(report);
    std::string text = fmt::format("{:<46} {:>9} {:>9} {:>7} {:>6} {:>6} {:>9} {:>8} {:>8} {:>9}\n", "flow", "sent",
                                   "received", "lost", "dup", "reord", "blackout", "p50", "p99.9", "max ms");
    // Of many streams, those at which there is something to see.
    size_t rows = 0;
    for (const StreamReport& stream : report.streams) {
        if (report.streams.size() <= kTableRows || (stream.result.lost + stream.result.duplicated + stream.result.reordered &&
                                                    rows < kTableRows)) {
            text += row(name_of(stream), stream.result);
            ++rows;
        }
    }
    text += row(fmt::format("total of {}", report.streams.size()), total.result);
    if (const uint64_t ours = lost_by_host(report, total.result)) {
        text += fmt::format("{} of the {} lost packets came to this host, which did not take them: it was too busy\n", ours,
                            total.result.lost);
    }
    text += fmt::format("{:.1f} s at {:.0f} packets/s of {} bytes a stream; reset time {:.3f} ms by frame loss, {:.3f} ms by time "
                        "stamps; longest gap {:.3f} ms\n",
                        report.duration_s, report.rate_pps, report.size_bytes, ms(total.result.reset_frame_loss_ns),
                        ms(total.result.reset_time_stamp_ns), ms(total.result.longest_gap_ns));
    text += fmt::format("measuring host: {} receive drops, {} backlog drops, {} send errors, {} late sends (worst {:.3f} ms), {} "
                        "skipped\n",
                        report.receive_drops, report.backlog_drops, total.faults.send_errors, total.faults.late_sends,
                        ms(total.faults.latest_ns), total.faults.skipped);
    if (std::abs(report.clock_step_ns) > 1'000'000) {
        text += fmt::format("warning: the clock was set by {:.3f} ms meanwhile: latencies and blackout are wrong\n",
                            ms(report.clock_step_ns));
    }
    return text;
}

Json::Value to_json(const TcpReport& report) {
    Json::Value value;
    value["version"] = 1;
    value["duration_s"] = report.duration_s;
    value["connections"] = count(report.connections);
    value["alive"] = count(report.alive);
    value["bytes"] = count(report.bytes);
    value["messages"] = count(report.messages);
    value["corrupted"] = count(report.corrupted);
    value["retransmissions"] = count(report.retransmissions);
    value["longest_wait_ms"] = ms(report.longest_wait_ns);
    value["failures"] = Json::Value(Json::arrayValue);
    for (const std::string& failure : report.failures) {
        value["failures"].append(failure);
    }
    return value;
}

std::string to_table(const TcpReport& report) {
    std::string text = fmt::format(
        "{} of {} connections alive, {} bytes echoed, {} corrupted messages, {} retransmissions, longest wait {:.3f} ms\n",
        report.alive, report.connections, report.bytes, report.corrupted, report.retransmissions,
        ms(report.longest_wait_ns));
    for (const std::string& failure : report.failures) {
        text += failure + "\n";
    }
    return text;
}

bool flawless(const RunReport& report) {
    const StreamResult total = Total(report).result;
    return total.lost == 0 && total.duplicated == 0 && total.reordered == 0 && total.too_late == 0 && total.alien == 0;
}

Status write_json(const std::string& path, const Json::Value& value) {
    Json::StreamWriterBuilder builder;
    builder["indentation"] = "  ";
    builder["precisionType"] = "decimal";
    builder["precision"] = 6;
    const std::string partial = path + ".new";
    {
        std::ofstream file(partial, std::ios::trunc);
        file << Json::writeString(builder, value) << "\n";
        file.close();
        if (!file) {
            return make_errno_error(errno, "{}: cannot write", partial);
        }
    }
    if (std::rename(partial.c_str(), path.c_str()) != 0) {
        return make_errno_error(errno, "{}: cannot replace", path);
    }
    return {};
}

}  // namespace hitless::probe
