#include "appctl/inquiries.h"

#include <utility>

namespace hitless::appctl {

Inquiries::~Inquiries() {
    {
        std::lock_guard lock(mutex_);
        ending_ = true;
        posted_.notify_all();
    }
    thread_.join();
}

void Inquiries::post(std::function<void()> inquiry) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(inquiry));
    posted_.notify_all();
}

void Inquiries::loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
        posted_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
        if (ending_) {
            return;
        }
        auto inquiry = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        inquiry();
        lock.lock();
    }
}

}  // namespace hitless::appctl
