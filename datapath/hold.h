// The hold of one port: a tap into whose queue the programs redirect the port's packets, and from which the daemon gives them
// on. With VLAN tags, partial checksums and large segments as they came: the virtio header of each carries what is not in
// the frame (AF_XDP in copy mode loses VLAN tags).
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "datapath/links.h"

namespace hitless::datapath {

class Hold {
  public:
    // Makes the tap 'name', up, with room for 'packets'. It ends with this object, and with this process.
    static Result<Hold> make(const std::string& name, uint32_t packets, Links& links);

    const std::string& name() const { return name_; }
    unsigned ifindex() const { return ifindex_; }

    struct Moved {
        uint32_t packets = 0;       // given on
        uint32_t failed = 0;        // taken out, but refused by the kernel on the way in
        uint64_t bytes = 0;         // of all that was taken out
    };
    // Takes out the packets that there are, up to 'limit', in order, and writes each back to the tap, at whose ingress the program hold_in gives
    // it to the active side.
    Moved give_on(uint32_t limit);

    // Packets that the queue had no room for, since the tap was made.
    Result<uint64_t> dropped(const Links& links) const;

  private:
    Hold(std::string name, Fd tap) : name_(std::move(name)), tap_(std::move(tap)) {}

    std::string name_;
    unsigned ifindex_ = 0;
    Fd tap_;
};

}  // namespace hitless::datapath
