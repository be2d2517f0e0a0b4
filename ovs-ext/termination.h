// SIGTERM and SIGINT as a request to exit, to be met by the main loop at its leisure: libopenvswitch would end the process where
// it stands.
#pragma once

namespace hitless {

// One in a process, made before libopenvswitch sets its own handlers. Not inherited by programs that are run.
class Termination {
  public:
    Termination();
    Termination(const Termination&) = delete;

    bool requested() const;
    void wait() const;   // wakes the poll loop
};

}  // namespace hitless
