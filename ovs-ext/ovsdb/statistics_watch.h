// When switches write their statistics into their databases: an interval after they had done so last (other_config:stats-update-interval of
// table Open_vSwitch in ovs-vswitchd.conf.db(5)).
//
// A switch looks at all of its ports for that, and forwards nothing meanwhile; then its database, and whoever follows that, take the
// processors. With 256 ports that is 15 to 30 ms each 5 s [measured]: moments for a hold to keep away from.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ovsdb/client.h"
#include "ovsdb/values.h"

namespace hitless::ovsdb {

// What 'other_config' of table Open_vSwitch asks for, as ovs-vswitchd takes it: 5 s at least.
std::chrono::milliseconds statistics_interval(const StringMap& other_config);

// Of any number of switches, by when statistics were seen to be written: whose they are need not be known.
class StatisticsTimes {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit StatisticsTimes(std::chrono::milliseconds interval) : interval_(interval) {}

    void add(TimePoint written);   // later than those before

    // At 'now', not before the last one that was added: whether some have just been written, or may be before a hold is over. Where no
    // counter changes nothing is seen to be written: a switch is believed to have gone on for eight intervals.
    bool near(TimePoint now) const;

  private:
    bool near(TimePoint written, TimePoint now) const;

    std::chrono::milliseconds interval_;
    std::vector<TimePoint> written_;
};

// Watches the databases of switches, on a thread of its own, until it is destroyed. One whose server ends is watched again when there is one.
class StatisticsWatch {
  public:
    // Of the ovsdb-servers at these sockets; 'interval' is that of the switches. Error when one does not answer.
    static Result<std::unique_ptr<StatisticsWatch>> start(const std::vector<std::string>& servers, std::chrono::milliseconds interval);

    // StatisticsTimes::near(), now. Any thread.
    bool near() const;

    StatisticsWatch(const StatisticsWatch&) = delete;
    ~StatisticsWatch();

  private:
    explicit StatisticsWatch(std::chrono::milliseconds interval);
    Status watch(const std::string& server, std::chrono::milliseconds limit);
    void run();
    bool take_updates(Client& client);   // whether the server is still there

    mutable std::mutex mutex_;
    StatisticsTimes times_;
    std::vector<Client> clients_;
    std::vector<std::string> gone_;   // servers that have ended
    std::atomic<bool> stopping_ = false;
    Fd stop_;
    std::thread thread_;
};

}  // namespace hitless::ovsdb
