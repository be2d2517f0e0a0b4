// DummyController: what the gate leads a switch to that is not active: a controller that keeps it content and does nothing.
//
// It answers HELLO and ECHO_REQUEST, and sends one BARRIER_REQUEST, by whose reply the switch counts it as a controller that
// has admitted it (lib/rconn.c in OVS); everything else is read and forgotten. It never changes anything in the switch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "base/fd.h"
#include "base/result.h"
#include "control/network_namespace.h"

namespace hitless::control {

class DummyController {
  public:
    static constexpr size_t max_connections = 64;   // further ones are closed at once

    // Listens at 127.0.0.1 and, where IPv6 is on, ::1 in the namespace 'where', at ports that the kernel chooses. The
    // namespace's lo must be up.
    static Result<std::unique_ptr<DummyController>> start(const NetworkNamespace& where = {});
    // Ends all connections. With the gate lifted before, the switches then connect to their real controllers.
    ~DummyController();
    DummyController(const DummyController&) = delete;
    DummyController& operator=(const DummyController&) = delete;

    uint16_t port4() const { return port4_; }
    uint16_t port6() const { return port6_; }   // 0: the namespace has no IPv6

    // Switches that have been admitted and are connected.
    size_t admitted() const { return admitted_; }

  private:
    DummyController() = default;
    void serve();

    Fd listen4_, listen6_, wake_;
    uint16_t port4_ = 0, port6_ = 0;
    std::atomic<size_t> admitted_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

}  // namespace hitless::control
