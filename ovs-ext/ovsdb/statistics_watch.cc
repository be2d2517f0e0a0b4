#include "ovsdb/statistics_watch.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "ovsdb/switch_config.h"

namespace hitless::ovsdb {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kShortest = 5s;
// A hold, and the first packets after it.
constexpr auto kBefore = 100ms;
// Until all who have to do with it are done, and the packets that came meanwhile.
constexpr auto kAfter = 100ms;
// The interval begins when it is done: 20 to 80 ms later each time [measured, 256 ports].
constexpr auto kLater = 80ms;
constexpr auto kBelievedIntervals = 8;
// For a server to answer; and for one that has ended, to come back, before it is looked for once more.
constexpr std::chrono::milliseconds kAnswerLimit = 10s, kComeBackLimit = 1s;

Json::Value written_statistics() {
    Json::Value request;
    request["columns"].append("statistics");
    for (const char* other : {"initial", "insert", "delete"}) {
        request["select"][other] = false;
    }
    Json::Value requests;
    requests["Interface"] = request;
    return requests;
}

}  // namespace

std::chrono::milliseconds statistics_interval(const StringMap& other_config) {
    int milliseconds = 0;
    if (auto found = other_config.find("stats-update-interval"); found != other_config.end()) {
        const auto& text = found->second;
        std::from_chars(text.data(), text.data() + text.size(), milliseconds);
    }
    return std::max(kShortest, std::chrono::milliseconds(milliseconds));
}

bool StatisticsTimes::near(TimePoint written, TimePoint now) const {
    auto intervals = (now - written + kBefore) / interval_;
    return intervals <= kBelievedIntervals && now <= written + intervals * (interval_ + kLater) + kAfter;
}

bool StatisticsTimes::near(TimePoint now) const {
    return std::ranges::any_of(written_, [&](TimePoint written) { return near(written, now); });
}

void StatisticsTimes::add(TimePoint written) {
    // Those of the same switch, whose next time this is.
    std::erase_if(written_, [&](TimePoint before) {
        return near(before, written) || written - before > kBelievedIntervals * interval_;
    });
    written_.push_back(written);
}

StatisticsWatch::StatisticsWatch(std::chrono::milliseconds interval) : times_(interval), stop_(::eventfd(0, EFD_CLOEXEC)) {}

StatisticsWatch::~StatisticsWatch() {
    stopping_ = true;
    ::eventfd_write(stop_.get(), 1);
    if (thread_.joinable()) {
        thread_.join();
    }
}

Result<std::unique_ptr<StatisticsWatch>> StatisticsWatch::start(const std::vector<std::string>& servers,
                                                                std::chrono::milliseconds interval) {
    std::unique_ptr<StatisticsWatch> watch(new StatisticsWatch(interval));
    for (const auto& server : servers) {
        TRY(watch->watch(server, kAnswerLimit));
    }
    watch->thread_ = std::thread([&watch = *watch] { watch.run(); });
    return watch;
}

Status StatisticsWatch::watch(const std::string& server, std::chrono::milliseconds limit) {
    auto client = TRY(Client::connect(server, limit));
    TRY(client.monitor(open_vswitch, written_statistics()));
    clients_.push_back(std::move(client));
    return {};
}

bool StatisticsWatch::take_updates(Client& client) {
    for (;;) {
        auto update = client.next_update(0ms);
        if (!update || !*update) {
            return update.ok();
        }
        std::lock_guard lock(mutex_);
        times_.add(Clock::now());
    }
}

void StatisticsWatch::run() {
    while (!stopping_) {
        std::vector<Client*> waiting;
        std::ranges::transform(clients_, std::back_inserter(waiting), [](Client& client) { return &client; });
        Client::wait_any(waiting, stop_.get(), gone_.empty() ? 1h : kComeBackLimit);
        std::erase_if(gone_, [this](const std::string& server) { return watch(server, kComeBackLimit).ok(); });
        std::erase_if(clients_, [this](Client& client) {
            bool there = take_updates(client);
            if (!there) {
                gone_.push_back(client.path());
            }
            return !there;
        });
    }
}

bool StatisticsWatch::near() const {
    std::lock_guard lock(mutex_);
    return times_.near(Clock::now());
}

}  // namespace hitless::ovsdb
