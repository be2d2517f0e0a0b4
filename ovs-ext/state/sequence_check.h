// The TCP window check of the connection trackers of both instances: what the operator wants (a setting, to be copied), and what
// is so for the time being because connections were copied whose sequence numbers are not known.
//
// Outlives a copy: who copies back must know that the check of the source was suspended, and was not disabled by the operator. Any
// thread may ask for what is wanted; one at a time changes it.
#pragma once

#include <array>
#include <atomic>

#include "base/side.h"
#include "instance/control.h"

namespace hitless::state {

class SequenceCheck {
  public:
    // What the operator has set in 'control' (dpctl/ct-get-tcp-seq-chk), whether suspended or not.
    Result<bool> wanted(instance::Control& control) const;
    Status set_wanted(instance::Control& control, bool wanted);

    // Whether the instance checks windows now.
    static Result<bool> effective(instance::Control& control);

    // Makes 'control' ignore windows until resume(); nothing where the operator has it so anyway.
    Status suspend(instance::Control& control);
    Status resume(instance::Control& control);
    bool suspended(Side side) const { return suspended_[index_of(side)]; }

    // Of an instance that an earlier program has left, whose check is off although the operator wants it on.
    void presume_suspended(Side side) { suspended_[index_of(side)] = true; }

    // The instance is another process now, which checks windows as every new one does.
    void forget(Side side) { suspended_[index_of(side)] = false; }

  private:
    static size_t index_of(Side side) { return side == Side::A ? 0 : 1; }
    static Status set(instance::Control& control, bool enabled);

    std::array<std::atomic<bool>, 2> suspended_{};
};

}  // namespace hitless::state
