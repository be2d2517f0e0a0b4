#include "probe/run.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "probe/receiver.h"
#include "probe/sender.h"
#include "probe/sockets.h"

namespace hitless::probe {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPoll{10};
constexpr milliseconds kSettle{200};   // warm-up goes on so long after every stream was heard
constexpr double kWindowTime = 10;     // seconds after which a missing packet is lost, unless a window is given
constexpr double kMinimumWindow = 1024;

// Sum of the second column of /proc/net/softnet_stat: one line a CPU, hexadecimal (net/core/net-procfs.c in Linux).
uint64_t softnet_drops() {
    std::ifstream file("/proc/net/softnet_stat");
    uint64_t sum = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        uint64_t processed = 0, dropped = 0;
        fields >> std::hex >> processed >> dropped;
        sum += dropped;
    }
    return sum;
}

// Many flows take many sockets.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

class Run {
  public:
    explicit Run(const RunOptions& options) : options_(options), id_(std::random_device{}()) {
        id_ = id_ << 32 | std::random_device{}();
    }
    ~Run() { end(); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    Status open();
    Status start();
    Status wait_connected();
    void wait_end();
    void drain();
    Result<RunReport> report();

  private:
    void add_stream(uint32_t flow, bool reverse, int send_socket, int receive_socket);
    Result<uint64_t> drops_of(int socket) const;
    void end();
    bool stopped() const { return options_.stopped && options_.stopped(); }

    const RunOptions& options_;
    uint64_t id_;
    std::vector<Fd> sockets_;
    Streams streams_;
    std::vector<Stream*> reverse_of_;
    std::atomic<Phase> phase_{Phase::warm_up};
    std::atomic<bool> stop_receiving_{false};
    Status receive_status_;
    std::thread sender_, receiver_;
    const int64_t opened_ns_ = realtime_ns();
    TimeSeries series_{opened_ns_, options_.series_interval.count()};
    int64_t stream_interval_ns_ = 0;   // of each stream's own series
    int64_t started_ns_ = 0, started_monotonic_ns_ = 0, ended_monotonic_ns_ = 0;
    uint64_t softnet_drops_ = 0;
    std::map<int, uint64_t> drops_before_;   // by socket: what the warm-up lost is not counted
};

void Run::add_stream(uint32_t flow, bool reverse, int send_socket, int receive_socket) {
    const FlowSpec& spec = options_.flows[flow];
    const double window = std::clamp(options_.rate_pps * kWindowTime, kMinimumWindow,
                                     static_cast<double>(SequenceAnalysis::kDefaultWindow));
    auto stream = std::make_unique<Stream>(
        static_cast<uint32_t>(streams_.size()),
        SequenceAnalysis(static_cast<int64_t>(1e9 / options_.rate_pps),
                         options_.window ? options_.window : static_cast<uint64_t>(window),
                         TimeSeries(opened_ns_, stream_interval_ns_), &series_));
    stream->flow = flow;
    stream->reverse = reverse;
    stream->from = reverse ? spec.to : spec.from;
    stream->to = reverse ? spec.from : spec.to;
    stream->source = reverse ? spec.destination : spec.source;
    stream->send_socket = send_socket;
    stream->receive_socket = receive_socket;
    if (!reverse) {
        stream->set_peer(spec.destination);
    }
    streams_.push_back(std::move(stream));
}

Status Run::open() {
    raise_file_limit();
    const SocketOptions socket_options{SOCK_DGRAM, options_.buffer_bytes, true};
    // Flows of the same end share its socket.
    std::map<std::string, int> made;
    const auto socket_of = [&](const std::string& path, const Address& address) -> Result<int> {
        const std::string key = path + " " + address.to_string();
        if (!made.contains(key)) {
            sockets_.push_back(TRY(bound_socket(path, address, socket_options)));
            made[key] = sockets_.back().get();
        }
        return made[key];
    };
    size_t streams = 0;
    for (const FlowSpec& spec : options_.flows) {
        streams += spec.both ? 2 : 1;
    }
    stream_interval_ns_ = streams <= kMostSeries ? options_.series_interval.count() : 0;
    for (uint32_t flow = 0; flow < options_.flows.size(); ++flow) {
        const FlowSpec& spec = options_.flows[flow];
        const int near = TRY(socket_of(spec.from, spec.source));
        const int far = TRY(socket_of(spec.to, spec.destination));
        add_stream(flow, false, near, far);
        reverse_of_.push_back(nullptr);
        if (spec.both) {
            add_stream(flow, true, far, near);
            reverse_of_.back() = streams_.back().get();
            reverse_of_.push_back(nullptr);
        }
    }
    return {};
}

Status place(std::thread& thread, std::optional<int> cpu, bool realtime) {
    if (cpu) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<size_t>(*cpu), &set);
        if (const int error = pthread_setaffinity_np(thread.native_handle(), sizeof set, &set)) {
            return make_errno_error(error, "cannot pin a thread to CPU {}", *cpu);
        }
    }
    if (realtime) {
        const sched_param parameter{sched_get_priority_min(SCHED_FIFO)};
        if (const int error = pthread_setschedparam(thread.native_handle(), SCHED_FIFO, &parameter)) {
            return make_errno_error(error, "cannot get real-time priority; leave --realtime out, or run as root");
        }
    }
    return {};
}

Status Run::start() {
    receiver_ = std::thread([this] { receive_status_ = receive_streams(streams_, reverse_of_, id_, stop_receiving_); });
    sender_ = std::thread(
        [this] { send_streams(streams_, {id_, options_.rate_pps, options_.size_bytes}, phase_); });
    TRY(place(receiver_, options_.receive_cpu, options_.realtime));
    return place(sender_, options_.send_cpu, options_.realtime);
}

Status Run::wait_connected() {
    const auto limit = std::chrono::steady_clock::now() + options_.warm_up_limit;
    const auto silent = [](const auto& stream) { return !stream->connected; };
    for (;;) {
        const auto found = std::find_if(streams_.begin(), streams_.end(), silent);
        if (found == streams_.end()) {
            break;
        }
        if (stopped()) {
            return make_error("stopped before every flow had got through");
        }
        if (std::chrono::steady_clock::now() > limit) {
            const Stream& stream = **found;
            return make_error("flow {}, {}: no packet of {} got from {} to {} within {} ms; check the path and its policy",
                              stream.flow, stream.reverse ? "reverse" : "forward", stream.source.to_string(),
                              stream.from, stream.to, options_.warm_up_limit.count());
        }
        std::this_thread::sleep_for(kPoll);
    }
    std::this_thread::sleep_for(kSettle);
    softnet_drops_ = softnet_drops();
    for (const Fd& socket : sockets_) {
        drops_before_[socket.get()] = TRY(receive_drops(socket.get()));
    }
    started_ns_ = realtime_ns();
    started_monotonic_ns_ = monotonic_ns();
    phase_ = Phase::measure;
    if (options_.on_started) {
        options_.on_started();
    }
    return {};
}

void Run::wait_end() {
    const int64_t end = options_.duration ? started_monotonic_ns_ + options_.duration->count() : INT64_MAX;
    while (!stopped()) {
        const int64_t left = end - monotonic_ns();
        if (left <= 0) {
            break;
        }
        std::this_thread::sleep_for(std::min(std::chrono::nanoseconds(left), std::chrono::nanoseconds(kPoll)));
    }
    phase_ = Phase::stop;
    sender_.join();
    ended_monotonic_ns_ = monotonic_ns();
}

// Until everything has arrived, or nothing has for the limit.
void Run::drain() {
    const auto counts = [this] {
        std::pair<uint64_t, uint64_t> sum;
        for (const auto& stream : streams_) {
            sum.first += stream->sent;
            sum.second += stream->received;
        }
        return sum;
    };
    uint64_t before = 0;
    for (auto last = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - last < options_.drain_limit;) {
        const auto [sent, received] = counts();
        if (received >= sent && received == before) {
            return;
        }
        if (received != before) {
            last = std::chrono::steady_clock::now();
            before = received;
        }
        std::this_thread::sleep_for(20 * kPoll);   // a duplicate may follow
    }
}

void Run::end() {
    phase_ = Phase::stop;
    stop_receiving_ = true;
    if (sender_.joinable()) {
        sender_.join();
    }
    if (receiver_.joinable()) {
        receiver_.join();
    }
}

Result<uint64_t> Run::drops_of(int socket) const { return TRY(receive_drops(socket)) - drops_before_.at(socket); }

Result<RunReport> Run::report() {
    end();
    TRY(receive_status_);
    RunReport report;
    report.rate_pps = options_.rate_pps;
    report.size_bytes = options_.size_bytes;
    report.duration_s = static_cast<double>(ended_monotonic_ns_ - started_monotonic_ns_) / 1e9;
    report.started_ns = started_ns_;
    report.clock_step_ns = (realtime_ns() - started_ns_) - (monotonic_ns() - started_monotonic_ns_);
    report.backlog_drops = softnet_drops() - softnet_drops_;
    for (const Fd& socket : sockets_) {
        report.receive_drops += TRY(drops_of(socket.get()));
    }
    for (const auto& stream : streams_) {
        StreamReport entry;
        entry.flow = stream->flow;
        entry.reverse = stream->reverse;
        entry.from = stream->from;
        entry.to = stream->to;
        entry.source = stream->source.to_string();
        entry.destination = stream->peer() ? stream->peer()->to_string() : "";
        entry.address_changes = stream->address_changes;
        entry.receive_drops = TRY(drops_of(stream->receive_socket));
        entry.faults = stream->faults;
        entry.result = stream->analysis.finish(stream->sent, stream->first_sent_ns, stream->last_sent_ns);
        report.streams.push_back(std::move(entry));
    }
    report.series = std::move(series_);   // now that each stream has told of its last losses
    return report;
}

}  // namespace

Result<RunReport> measure(const RunOptions& options) {
    Run run(options);
    TRY(run.open());
    TRY(run.start());
    TRY(run.wait_connected());
    run.wait_end();
    run.drain();
    return run.report();
}

}  // namespace hitless::probe
