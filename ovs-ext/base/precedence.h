// Of a thread for which packets wait.
#pragma once

#include <sys/types.h>

namespace hitless {

// While it exists, the thread that made it goes before all threads but real-time ones: it has the least niceness. Where that is refused
// (CAP_SYS_NICE), nothing changes. May end in another thread.
class Precedence {
  public:
    Precedence();
    ~Precedence();
    Precedence(const Precedence&) = delete;
    Precedence& operator=(const Precedence&) = delete;

  private:
    pid_t thread_;
    int nice_;
};

}  // namespace hitless
