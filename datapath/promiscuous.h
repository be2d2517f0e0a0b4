// Keeps ports promiscuous while their vswitchd is being replaced: its end takes its own count of IFF_PROMISC away.
#pragma once

#include <span>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace hitless::datapath {

class Promiscuous {
  public:
    // Holds the network devices 'ports' (of the calling thread's network namespace) in promiscuous mode for the life of the object.
    static Result<Promiscuous> hold(std::span<const std::string> ports);

  private:
    explicit Promiscuous(Fd socket) : socket_(std::move(socket)) {}
    Fd socket_;   // its memberships end with it (packet(7), PACKET_ADD_MEMBERSHIP)
};

}  // namespace hitless::datapath
