// What systemd is told of the daemon (sd_notify(3)): that it is ready, and that its main loop goes round. Nothing, where it was not
// started by a unit that asks for it.
#pragma once

namespace hitless {

// For the main loop.
class ServiceNotice {
  public:
    ServiceNotice();

    void ready() const;   // the switch has been looked for, and commands are answered
    void stopping() const;
    void run();           // tells that the loop lives, when it is time (WatchdogSec= of the unit)
    void wait() const;

  private:
    long long int interval_ms_ = 0;   // half of the watchdog's limit; 0: there is none
    long long int next_ms_ = 0;
};

}  // namespace hitless
