// What goes wrong beside an operation, on threads that have no operation to tell: written to the daemon's log at once, and kept
// until an operation takes it into its summary. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace hitless::upgrade {

class Notes {
  public:
    void add(const std::string& text);
    // What was added since the last call.
    std::vector<std::string> take() {
        std::lock_guard lock(mutex_);
        return std::exchange(texts_, {});
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> texts_;
};

}  // namespace hitless::upgrade
