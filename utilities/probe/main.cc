// ovs-hitless-probe: measures what a change of the switch does to its traffic. Command line only: run.h and tcp.h do the work.
#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <json/value.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <fstream>

#include "probe/report.h"
#include "probe/run.h"
#include "probe/tcp.h"

namespace {

using namespace hitless;
using namespace hitless::probe;

constexpr int kExitError = 1;
constexpr int kExitFlawed = 3;      // --strict, and something was lost, duplicated, reordered, or died
constexpr uint16_t kFirstPort = 7000;

std::atomic<bool> interrupted{false};

struct CommonOptions {
    std::vector<std::string> flows;
    double duration_s = 0;
    std::string until_file, ready_file, json_file;
    bool strict = false, quiet = false;
};

void add_common(CLI::App& command, CommonOptions& options) {
    command.add_option("--flow", options.flows,
                       "from=NETNS,to=NETNS,src=ADDRESS,dst=ADDRESS[,sport=PORT][,dport=PORT][,both][,flows=N]; repeatable")
        ->required()->take_all()->expected(1);
    command.add_option("--duration", options.duration_s, "seconds; without it until SIGINT, SIGTERM or --until-file")
        ->check(CLI::PositiveNumber);
    command.add_option("--until-file", options.until_file, "end when this file exists");
    command.add_option("--ready-file", options.ready_file, "make this file when the measurement begins");
    command.add_option("--json", options.json_file, "write the report to this file");
    command.add_flag("--strict", options.strict, "exit status 3 unless the result is flawless");
    command.add_flag("--quiet", options.quiet, "print no table");
}

std::optional<std::chrono::nanoseconds> duration_of(const CommonOptions& options) {
    if (options.duration_s <= 0) {
        return std::nullopt;
    }
    return std::chrono::nanoseconds(static_cast<int64_t>(options.duration_s * 1e9));
}

Result<std::vector<FlowSpec>> flows_of(const CommonOptions& options) {
    std::vector<FlowSpec> flows;
    for (size_t i = 0; i < options.flows.size(); ++i) {
        const FlowSpec spec = TRY(parse_flow(options.flows[i], static_cast<uint16_t>(kFirstPort + i)));
        for (FlowSpec& flow : expand(spec)) {
            flows.push_back(std::move(flow));
        }
    }
    return flows;
}

std::function<bool()> stopped_by(const CommonOptions& options) {
    return [file = options.until_file] {
        return interrupted || (!file.empty() && ::access(file.c_str(), F_OK) == 0);
    };
}

std::function<void()> announced_by(const CommonOptions& options) {
    return [file = options.ready_file] {
        if (!file.empty()) {
            std::ofstream(file).flush();
        }
    };
}

template <typename Report>
int deliver(const CommonOptions& options, const Result<Report>& report, bool flawed) {
    if (!options.quiet) {
        fmt::print("{}", to_table(*report));
    }
    if (!options.json_file.empty()) {
        if (const Status written = write_json(options.json_file, to_json(*report)); !written.ok()) {
            fmt::print(stderr, "ovs-hitless-probe: {}\n", written.error().message);
            return kExitError;
        }
    }
    return options.strict && flawed ? kExitFlawed : 0;
}

int fail(const Error& error) {
    fmt::print(stderr, "ovs-hitless-probe: {}\n", error.message);
    return kExitError;
}

int run_udp(const CommonOptions& common, RunOptions options) {
    auto flows = flows_of(common);
    if (!flows.ok()) {
        return fail(flows.error());
    }
    options.flows = std::move(*flows);
    options.duration = duration_of(common);
    options.stopped = stopped_by(common);
    options.on_started = announced_by(common);
    const auto report = measure(options);
    return report.ok() ? deliver(common, report, !flawless(*report)) : fail(report.error());
}

int run_tcp(const CommonOptions& common, TcpOptions options) {
    auto flows = flows_of(common);
    if (!flows.ok()) {
        return fail(flows.error());
    }
    options.flows = std::move(*flows);
    if (options.flows.size() > common.flows.size()) {
        return fail(make_error("flows=: is for 'run'; a flow of 'tcp' has --connections"));
    }
    options.duration = duration_of(common);
    options.stopped = stopped_by(common);
    options.on_started = announced_by(common);
    const auto report = hold_connections(options);
    return report.ok() ? deliver(common, report, report->alive != report->connections || report->corrupted != 0)
                       : fail(report.error());
}

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Measures what a change of the switch does to its traffic: packets lost, duplicated, reordered, delayed."};
    app.require_subcommand(1);
    app.set_version_flag("--version", "ovs-hitless-probe " HITLESS_VERSION);

    CommonOptions common;
    RunOptions udp;
    unsigned warm_up_ms = 5000, drain_ms = 2000, series_ms = 0;
    CLI::App* run = app.add_subcommand("run", "sequence-numbered, time-stamped UDP");
    add_common(*run, common);
    run->add_option("--rate", udp.rate_pps, "packets per second of each stream (10000)")->check(CLI::Range(1.0, 5e6));
    run->add_option("--size", udp.size_bytes, "bytes of UDP payload (64)")->check(CLI::Range(kMinimumSize, kMaximumSize));
    run->add_option("--warm-up", warm_up_ms, "ms by which every stream must have got through (5000)");
    run->add_option("--drain", drain_ms, "ms to wait for late packets (2000)");
    run->add_option("--window", udp.window, "packets after which a missing one is lost (10 s of them, 1024 to 262144)")
        ->check(CLI::Range(uint64_t{64}, uint64_t{1} << 26));
    run->add_option("--series", series_ms, "report also a time series, in steps of so many ms, of all streams together and of each of up to 64")
        ->check(CLI::Range(1, 10000));
    run->add_option("--send-cpu", udp.send_cpu, "CPU of the sending thread")->check(CLI::Range(0, CPU_SETSIZE - 1));
    run->add_option("--receive-cpu", udp.receive_cpu, "CPU of the receiving thread")->check(CLI::Range(0, CPU_SETSIZE - 1));

    run->add_flag("--realtime", udp.realtime, "send and receive before all ordinary processes (SCHED_FIFO)");

    TcpOptions tcp;
    unsigned interval_ms = 20, grace_ms = 15000;
    CLI::App* hold = app.add_subcommand("tcp", "long TCP connections that must survive");
    add_common(*hold, common);
    hold->add_option("--connections", tcp.connections, "connections of each flow (10)")->check(CLI::Range(1, 10000));
    hold->add_option("--size", tcp.size_bytes, "bytes of a message (256)")->check(CLI::Range(1, 65536));
    hold->add_option("--interval", interval_ms, "ms between messages of a connection (20)");
    hold->add_option("--grace", grace_ms, "ms for connecting, and for the last echo (15000)");
    CLI11_PARSE(app, argc, argv);

    catch_signals();
    if (*run) {
        udp.warm_up_limit = std::chrono::milliseconds(warm_up_ms);
        udp.drain_limit = std::chrono::milliseconds(drain_ms);
        udp.series_interval = std::chrono::milliseconds(series_ms);
        return run_udp(common, udp);
    }
    tcp.interval = std::chrono::milliseconds(interval_ms);
    tcp.grace = std::chrono::milliseconds(grace_ms);
    return run_tcp(common, tcp);
}
