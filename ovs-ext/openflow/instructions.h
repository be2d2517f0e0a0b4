// A flow's instructions (OpenFlow 1.5.1 section 7.2.5) in canonical form: as libopenvswitch writes them after reading them.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "openflow/buffers.h"

struct vl_mff_map;

namespace hitless::openflow {

struct Instructions {
    std::string_view canonical;
    bool plain;   // whatever the flow's match is, OpenFlow 1.5 tells and takes them as they are: see old_actions.h
};

// Very many flows have the same instructions: the last ones are remembered.
class CanonicalInstructions {
  public:
    // 'fields' (null: none) are the lengths of tun_metadata fields; they must outlive this object.
    explicit CanonicalInstructions(const vl_mff_map* fields);

    // 'instructions' as a switch gave them; those that cannot be understood stay as they are. Valid until the next call.
    Instructions of(std::string_view instructions);

  private:
    struct Remembered {
        std::string given, canonical;
        bool plain = true;
    };
    void canonicalize(Remembered& one);

    const vl_mff_map* fields_;
    Buffer actions_, written_;
    std::array<Remembered, 256> remembered_;   // by their hash
};

}  // namespace hitless::openflow
