// Inquiries that may take long (they run programs, read a database, wait for a lock), one after the other, on a thread of its
// own: the main loop must not block.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace hitless::appctl {

class Inquiries {
  public:
    Inquiries() : thread_([this] { loop(); }) {}
    ~Inquiries();   // waits for the one that is under way; the others are dropped
    Inquiries(const Inquiries&) = delete;

    void post(std::function<void()> inquiry);

  private:
    void loop();

    std::mutex mutex_;   // guards the next three
    std::condition_variable posted_;
    std::deque<std::function<void()>> waiting_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace hitless::appctl
