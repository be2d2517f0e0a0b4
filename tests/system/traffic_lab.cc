#include "traffic_lab.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <json/reader.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace hitless::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr const char* kLab = HITLESS_LAB;
constexpr const char* kProbe = HITLESS_PROBE;
constexpr const char* kRcuExpedited = "/sys/kernel/rcu_expedited";
constexpr const char* kInstalledBuild = "/usr/lib/openvswitch-switch/ovs-vswitchd";
constexpr const char* kOtherBuild = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";

Words joined(Words first, const Words& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

template <typename T>
T must(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}

// The lines of 'text' that match 'wanted', without what matches 'without', sorted.
std::string sorted_lines(const std::string& text, const std::string& wanted, const std::string& without) {
    std::multiset<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        if (std::regex_search(line, std::regex(wanted))) {
            lines.insert(std::regex_replace(line, std::regex(without), ""));
        }
    }
    return fmt::format("{}", fmt::join(lines, "\n"));
}

// What its variables say may be nobody's business.
std::string names_in_environment(pid_t pid) {
    std::string names;
    for (const auto& [name, value] : must(must(Process::open(pid)).environment())) {
        names += name + " ";
    }
    return names;
}

}  // namespace

std::string contents(const std::string& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

Json::Value parse_json(const std::string& text) {
    Json::Value value;
    std::string errors;
    std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    if (!reader->parse(text.data(), text.data() + text.size(), &value, &errors)) {
        throw std::runtime_error("not JSON: " + errors + ": " + text);
    }
    return value;
}

TrafficLab::TrafficLab(const Words& lab_options, const std::string& small) {
    static std::atomic<int> number{0};
    const char* temporary = std::getenv("TMPDIR");
    directory_ = fmt::format("{}/l{}", temporary ? temporary : "/tmp", ++number);
    if (!small.empty()) {
        fs::create_directories(path(small));
        must(run_checked({"mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", path(small)}));
    }
    lab(joined({"up"}, lab_options));
    try {
        std::istringstream environment(must(run_checked({kLab, "env", directory_})));
        for (std::string line; std::getline(environment, line);) {   // export NAME=VALUE
            auto equals = line.find('=');
            inside_.environment[line.substr(7, equals - 7)] = line.substr(equals + 1);
        }
        inside_.network_namespace = node("switch");
        inside_.limit = 120s;   // a whole upgrade, with all that can go wrong in it
        fs::create_directories(new_software());
        fs::copy_file(kOtherBuild, new_software() + "/ovs-vswitchd");
        start_daemon();
    } catch (...) {
        (void) run_program({kLab, "down", directory_}).ok();
        throw;
    }
}

std::string TrafficLab::faulty_software(const std::string& library) const {
    auto program = path("faulty/ovs-vswitchd");
    if (fs::create_directory(path("faulty"))) {
        fs::copy_file(kInstalledBuild, program);
        must(run_checked({"patchelf", "--add-needed", library, program}));
    }
    return path("faulty");
}

TrafficLab::~TrafficLab() {
    if (::testing::Test::HasFailure()) {
        std::cerr << contents(path("log/ovs-hitlessd.log"));
    }
    (void) run_program({kLab, "down", directory_}).ok();
    if (rcu_expedited_is_private_) {
        (void) run_program({"umount", kRcuExpedited}).ok();
    }
}

void TrafficLab::make_rcu_expedited_private(const std::string& value) {
    std::ofstream(path("rcu_expedited")) << value << "\n";
    must(run_checked({"mount", "--bind", path("rcu_expedited"), kRcuExpedited}));
    rcu_expedited_is_private_ = true;
}

void TrafficLab::lab(const Words& command) const {
    must(run_checked(joined({kLab, command[0], directory_}, {command.begin() + 1, command.end()})));
}

ProgramOutput TrafficLab::run(const Words& argv) const {
    return must(run_program(argv, inside_));
}

std::string TrafficLab::checked(const Words& argv) const {
    return must(run_checked(argv, inside_));
}

std::string TrafficLab::ofctl(const Words& arguments) const {
    return checked(joined({"ovs-ofctl", "-O", "OpenFlow15"}, arguments));
}

void TrafficLab::configure(const std::map<std::string, std::string>& settings) const {
    checked({"ovs-appctl", "hitless/history"});   // the database is there from now on
    std::string keys, pairs;
    for (const auto& [key, value] : settings) {
        keys += (keys.empty() ? "\"" : ",\"") + key + "\"";
        pairs += (pairs.empty() ? R"([")" : R"(,[")") + key + R"(",")" + value + R"("])";
    }
    checked({"ovsdb-client", "transact", "unix:" + path("run/db.sock"),
             R"(["hitless",{"op":"mutate","table":"Hitless","where":[],"mutations":[["other_config","delete",["set",[)" + keys +
                 R"(]]],["other_config","insert",["map",[)" + pairs + "]]]]}]"});
}

std::string TrafficLab::vsctl(const Words& arguments) const {
    return checked(joined({"ovs-vsctl", "--timeout=10"}, arguments));
}

ProgramOutput TrafficLab::appctl(const Words& arguments) const {
    return run(joined({"ovs-appctl"}, arguments));
}

std::future<ProgramOutput> TrafficLab::appctl_meanwhile(const Words& arguments) const {
    return std::async(std::launch::async, [this, arguments] { return appctl(arguments); });
}

Json::Value TrafficLab::appctl_json(const Words& arguments) const {
    return parse_json(checked(joined(joined({"ovs-appctl"}, arguments), {"--format=json"})));
}

bool TrafficLab::wait_for_phase(const Words& phases) const {
    for (auto end = Clock::now() + 10s; Clock::now() < end;) {
        // Of the daemon's own socket: for a moment before A is started nobody has its pidfile.
        auto text = checked({"ovs-appctl", "-t", "ovs-hitlessd", "hitless/status", "--format=json"});
        auto operation = parse_json(text)["operation"];
        if (operation["result"] == "running" && !operation["phases"].empty()) {
            auto phase = operation["phases"][operation["phases"].size() - 1]["name"].asString();
            if (std::find(phases.begin(), phases.end(), phase) != phases.end()) {
                return true;
            }
        }
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

pid_t TrafficLab::switch_pid() const {
    return must(Process::from_pidfile(path("run/ovs-vswitchd.pid"))).pid();
}

pid_t TrafficLab::b_pid() const {
    return must(Process::from_pidfile(path("run/hitless/b/ovs-vswitchd.pid"))).pid();
}

std::string TrafficLab::join_bridges() const {
    checked({"ip", "link", "add", "joint1", "up", "type", "veth", "peer", "joint2"});
    checked({"ip", "link", "set", "joint2", "up"});
    vsctl({"add-port", "br1", "joint1", "--", "add-port", "br2", "joint2"});
    checked({"nsenter", "--net=" + node("b2a"), "ip", "address", "add", "10.1.0.9/24", "dev", "eth0"});
    return "from=" + node("b1a") + ",to=" + node("b2a") + ",src=10.1.0.1,dst=10.1.0.9,both,flows=10";
}

pid_t TrafficLab::daemon_pid() const {
    return must(Process::from_pidfile(path("run/ovs-hitlessd.pid"))).pid();
}

void TrafficLab::start_daemon(const Words& environment) const {
    checked(joined(joined({"env", "OF_THE_DAEMON=and not of the switch"}, environment),
                   {HITLESSD, "-vconsole:off", "--detach", "--pidfile", "--log-file", "--no-chdir",
                    "--state-dir=" + path("state"), std::string("--schema=") + HITLESS_SCHEMA}));
}

void TrafficLab::kill_daemon() const {
    auto process = must(Process::open(daemon_pid()));
    must(process.signal(SIGKILL));
    must(process.wait_end(5s));   // until then its pidfile is locked
}

std::string TrafficLab::software_of(pid_t pid) const {
    return checked({"sha256sum", fmt::format("/proc/{}/exe", pid)}).substr(0, 64);
}

Snapshot TrafficLab::snapshot() const {
    // A tap's state is UNKNOWN at first and UP once its process has been another one: both are up.
    std::regex tap_state("state (UNKNOWN|UP)");
    return {
        {"devices", std::regex_replace(checked({"ip", "-details", "address", "show"}), tap_state, "up")},
        {"queueing disciplines", checked({"tc", "qdisc", "show"})},
        {"programs attached", checked({"bpftool", "net", "show"})},
        {"programs of the daemon", daemon_programs()},
        {"namespaces", checked({"ls", "/run/netns"})},
        {"mounts", contents("/proc/self/mounts")},
        {"settings", settings()},
        {"niceness of the switch", std::to_string(must(must(Process::open(switch_pid())).scheduling()).nice)},
        {"environment of the switch", names_in_environment(switch_pid())},
        {"files", files()},
        {"ports", vsctl({"--columns=name,ofport,type,mtu,error", "--format=csv", "list", "Interface"})},
        {"bridges", vsctl({"--columns=name,datapath_id,fail_mode,other_config,controller", "--format=csv", "list", "Bridge"})},
        {"flows", sorted_lines(ofctl({"--no-stats", "dump-flows", "br0"}), "actions=", "^ ")},
        {"groups", sorted_lines(ofctl({"dump-groups", "br0"}), "group_id", "^ ")},
        {"meters", sorted_lines(ofctl({"dump-meters", "br0"}), "meter=|type=", "^ ")},
        {"TCP connections through NAT",
         sorted_lines(checked({"ovs-appctl", "dpctl/dump-conntrack", "zone=7"}), "^tcp.*dport=8000.*ESTABLISHED", "timeout=[0-9]*")},
    };
}

// Of the switch and its state; a process's number in a name is not part of it, nor is what only grows.
std::string TrafficLab::files() const {
    std::set<std::string> names;
    std::error_code absent;
    for (const char* part : {"run", "sbin", "state/software"}) {
        for (const auto& entry : fs::recursive_directory_iterator(path(part), absent)) {
            auto name = std::regex_replace(entry.path().string(), std::regex("\\.[0-9]+\\."), ".PID.");
            names.insert(name.ends_with(".previous") ? "" : name);
        }
    }
    return fmt::format("{}", fmt::join(names, "\n"));
}

std::string TrafficLab::settings() const {
    return checked({"sysctl", "net.ipv4.conf.br0.arp_evict_nocarrier", "net.ipv4.conf.all.arp_evict_nocarrier",
                    "net.ipv4.ip_forward", "net.ipv6.conf.all.disable_ipv6"}) +
           (rcu_expedited_is_private_ ? "kernel.rcu_expedited = " + contents(kRcuExpedited) : "");
}

std::string TrafficLab::daemon_programs() const {
    std::string found;
    for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fdinfo", daemon_pid()))) {
        found += sorted_lines(contents(entry.path()), "^(prog|map|link)_id:", "$");
    }
    return found;
}

LabTraffic::LabTraffic(const TrafficLab& lab, const Words& flows) : lab_(lab) {
    static std::atomic<int> number{0};
    directory_ = lab.path(fmt::format("traffic{}", ++number));
    fs::create_directory(directory_);
    auto flow = [&](const char* from, const char* source, const char* to, const char* destination) {
        return fmt::format("from={},to={},src={},dst={}", lab.node(from), lab.node(to), source, destination);
    };
    Words udp = {kProbe, "run", "--quiet", "--realtime", "--rate", "1000", "--until-file", directory_ + "/stop",
                 "--ready-file", directory_ + "/udp.ready", "--json", directory_ + "/udp",
                 "--flow", flow("h1", "10.0.1.1", "h3", "10.0.2.3") + ",both",
                 "--flow", flow("h4", "10.0.2.4", "h2", "10.0.1.2") + ",both"};
    for (const auto& more : flows) {
        udp.insert(udp.end(), {"--flow", more});
    }
    Words tcp = {kProbe, "tcp", "--quiet", "--connections", "10", "--until-file", directory_ + "/stop",
                 "--ready-file", directory_ + "/tcp.ready", "--json", directory_ + "/tcp",
                 "--flow", flow("h2", "10.0.1.2", "h4", "10.0.2.4") + ",dport=8000"};
    // Not 'ping -c': it must last as long as what it measures.
    Words ping = {"/bin/bash", "-c", "ping -i 0.02 10.0.2.3 & touch $0/ping.ready; until [[ -e $0/stop ]]; do sleep 0.05; done; "
                                     "kill -INT $!; wait $!; exit 0", directory_};
    try {
        programs_.push_back(start(udp, "switch", "udp.ready"));
        programs_.push_back(start(tcp, "switch", "tcp.ready"));
        programs_.push_back(start(ping, "h2", "ping.ready"));
    } catch (...) {
        stop_all();
        throw;
    }
    std::this_thread::sleep_for(200ms);
}

LabTraffic::~LabTraffic() {
    stop_all();
}

void LabTraffic::stop_all() {
    std::ofstream(directory_ + "/stop").flush();
    for (auto& program : programs_) {
        if (program.valid()) {
            program.wait();
        }
    }
}

std::future<Result<std::string>> LabTraffic::start(Words argv, const std::string& node, const std::string& ready) {
    ProgramOptions options;
    options.network_namespace = lab_.node(node);
    options.limit = 120s;
    auto program = std::async(std::launch::async, [argv = std::move(argv), options] { return run_checked(argv, options); });
    for (auto end = Clock::now() + 20s; !fs::exists(directory_ + "/" + ready);) {
        if (program.wait_for(10ms) == std::future_status::ready || Clock::now() > end) {
            throw std::runtime_error("the traffic does not get through: " +
                                     (program.wait_for(0s) == std::future_status::ready ? must(program.get()) : ready));
        }
    }
    return program;
}

LabTraffic::Count LabTraffic::stop() {
    std::this_thread::sleep_for(300ms);
    stop_all();
    std::string ping_text;
    for (auto& program : programs_) {
        ping_text = must(program.get());
    }
    auto report = parse_json(contents(directory_ + "/udp"));
    auto udp = report["total"];
    auto tcp = parse_json(contents(directory_ + "/tcp"));
    Count count;
    count.sent = udp["sent"].asUInt64();
    count.lost = udp["lost"].asUInt64();
    for (const auto& stream : report["flows"]) {
        count.lost_by_stream.push_back(stream["lost"].asUInt64());
        if (stream["lost"].asUInt64()) {
            count.losses += stream["source"].asString() + " to " + stream["destination"].asString() + stream["losses"].toStyledString();
        }
    }
    count.duplicated = udp["duplicated"].asUInt64();
    count.reordered = udp["reordered"].asUInt64();
    count.address_changes = udp["address_changes"].asUInt64();
    count.blackout_ms = udp["blackout_ms"].asDouble();
    count.receive_drops = udp["host"]["receive_drops"].asUInt64();
    count.tcp_connections = tcp["connections"].asUInt64();
    count.tcp_alive = tcp["alive"].asUInt64();
    count.tcp_corrupted = tcp["corrupted"].asUInt64();
    // The last ones may have been on their way; one is lost when a later one was answered.
    std::set<uint64_t> seen;
    uint64_t last = 0;
    std::regex answer("icmp_seq=([0-9]+)");
    for (std::sregex_iterator it(ping_text.begin(), ping_text.end(), answer), end; it != end; ++it) {
        uint64_t sequence = std::stoull((*it)[1]);
        count.pings_reordered += sequence < last;
        count.pings_duplicated += !seen.insert(sequence).second;
        last = std::max(last, sequence);
    }
    count.pings = seen.size();
    count.pings_lost = last - seen.size();
    return count;
}

}  // namespace hitless::test
