#include "upgrade/b_controllers.h"

#include <algorithm>

#include "ovsdb/clone.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 20ms;
constexpr auto kRetryEvery = 1s;

}  // namespace

BControllers::BControllers(const control::ControllersPlan& plan, std::string b_database, Problem problem)
    : b_database_(std::move(b_database)), problem_(std::move(problem)) {
    std::copy_if(plan.bridges.begin(), plan.bridges.end(), std::back_inserter(bridges_),
                 [](const auto& bridge) { return !bridge.relays.empty(); });
}

BControllers::~BControllers() {
    end();
}

Result<std::unique_ptr<BControllers>> BControllers::activate(const control::ControllersPlan& plan,
                                                             const std::string& b_database, Problem problem) {
    std::unique_ptr<BControllers> controllers(new BControllers(plan, b_database, std::move(problem)));
    if (!controllers->bridges_.empty()) {
        TRY(controllers->connect_all());
    }
    std::vector<control::BridgePlan> waiting;
    std::copy_if(controllers->bridges_.begin(), controllers->bridges_.end(), std::back_inserter(waiting),
                 [](const auto& bridge) { return bridge.restored != bridge.activated; });
    if (!waiting.empty()) {
        controllers->thread_ = std::thread([controllers = controllers.get(), waiting = std::move(waiting)]() mutable {
            controllers->restore(std::move(waiting));
        });
    }
    return controllers;
}

Status BControllers::set(const std::string& bridge, const control::BridgeControl& wanted) const {
    auto client = TRY(ovsdb::Client::connect(b_database_));
    return ovsdb::set_controllers(client, bridge, wanted.targets,
                                  wanted.fail_mode.empty() ? std::nullopt : std::optional(wanted.fail_mode));
}

Status BControllers::connect_all() {
    relay_ = TRY(control::Relay::start());
    for (const auto& bridge : bridges_) {
        for (const auto& relay : bridge.relays) {
            TRY(relay_->listen(relay.listen_path, relay.controller));
        }
        TRY(set(bridge.bridge, bridge.activated));
    }
    return {};
}

void BControllers::end() {
    {
        std::lock_guard lock(mutex_);
        ending_ = true;
        ended_.notify_all();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
    relay_.reset();
}

Status BControllers::park() {
    end();
    for (const auto& bridge : bridges_) {
        TRY(set(bridge.bridge, bridge.parked));
    }
    return {};
}

void BControllers::restore(std::vector<control::BridgePlan> bridges) {
    std::string told;
    std::unique_lock lock(mutex_);
    while (!ending_ && !bridges.empty()) {
        lock.unlock();
        Status all;
        std::erase_if(bridges, [&](const control::BridgePlan& bridge) {
            bool connected = std::any_of(bridge.relays.begin(), bridge.relays.end(), [this](const auto& relay) {
                return relay_->established(relay.listen_path) > 0;
            });
            auto status = connected ? set(bridge.bridge, bridge.restored) : Status();
            if (!status) {
                all = status;
            }
            return connected && status;
        });
        if (!all && all.error().message != told) {
            told = all.error().message;
            problem_("B's fail_mode is still secure: " + told);
        }
        lock.lock();
        ended_.wait_for(lock, all ? kLookEvery : kRetryEvery, [this] { return ending_; });
    }
}

}  // namespace hitless::upgrade
