#include "appctl/main_queue.h"

#include <mutex>
#include <utility>
#include <vector>

#include "base/openvswitch.h"

namespace hitless::appctl {

struct MainQueue::State {
    latch wake;
    std::mutex mutex;
    std::vector<std::function<void()>> work;
};

MainQueue::MainQueue() : state_(std::make_unique<State>()) {
    latch_init(&state_->wake);
}

MainQueue::~MainQueue() {
    latch_destroy(&state_->wake);
}

void MainQueue::post(std::function<void()> work) {
    std::lock_guard lock(state_->mutex);
    state_->work.push_back(std::move(work));
    latch_set(&state_->wake);
}

void MainQueue::run() {
    latch_poll(&state_->wake);
    std::vector<std::function<void()>> work;
    {
        std::lock_guard lock(state_->mutex);
        work.swap(state_->work);
    }
    for (auto& one : work) {
        one();
    }
}

void MainQueue::wait() {
    latch_wait(&state_->wake);
}

}  // namespace hitless::appctl
