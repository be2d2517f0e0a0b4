// Waiting for what comes true in its own time.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace hitless::test {

// Whether 'condition' came true within 'limit'.
inline bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds(15)) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

}  // namespace hitless::test
