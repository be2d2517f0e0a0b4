// B's side of the controllers while B is the active instance: the relay, and the bridges' rows in B's database. The steps, and why
// they are in this order, says control/controllers_plan.h: relays, targets, and fail_mode once a bridge is connected.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/controllers_plan.h"
#include "control/relay.h"

namespace hitless::upgrade {

class BControllers {
  public:
    using Problem = std::function<void(const std::string&)>;   // called on a thread of this object

    // Lets B connect. Returns at once; a thread of this object gives each bridge its fail_mode back when one of its controllers has
    // been reached. (Before, with fail_mode standalone, a bridge flushes its flows after 15 seconds without controller.)
    static Result<std::unique_ptr<BControllers>> activate(const control::ControllersPlan& plan,
                                                          const std::string& b_database, Problem problem);
    // Ends B's sessions, as park(), but leaves its database.
    ~BControllers();
    BControllers(const BControllers&) = delete;

    // Ends B's sessions, and parks its bridges again: their flows outlast any time without controllers.
    Status park();

  private:
    BControllers(const control::ControllersPlan& plan, std::string b_database, Problem problem);
    Status set(const std::string& bridge, const control::BridgeControl& wanted) const;
    Status connect_all();
    void end();
    void restore(std::vector<control::BridgePlan> bridges);

    std::vector<control::BridgePlan> bridges_;   // those with controllers
    std::string b_database_;
    Problem problem_;
    std::unique_ptr<control::Relay> relay_;
    std::mutex mutex_;   // for the next two
    std::condition_variable ended_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace hitless::upgrade
