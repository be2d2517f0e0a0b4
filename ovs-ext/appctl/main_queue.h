// Work that other threads hand to the main loop, for what only it may do: answer control commands.
#pragma once

#include <functional>
#include <memory>

namespace hitless::appctl {

class MainQueue {
  public:
    MainQueue();
    ~MainQueue();

    // From any thread: 'work' is run by the main loop soon.
    void post(std::function<void()> work);

    // In the main loop.
    void run();
    void wait();

  private:
    struct State;   // holds the latch
    std::unique_ptr<State> state_;
};

}  // namespace hitless::appctl
