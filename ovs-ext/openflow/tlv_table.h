// The map from Geneve options (TLVs) to the fields tun_metadata0...63: NXT_TLV_TABLE_* of ovs-fields(7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "openflow/connection.h"

namespace hitless::openflow {

struct TlvMapping {
    uint16_t index;          // of the field tun_metadata<index>
    uint16_t option_class;
    uint8_t option_type;
    uint8_t option_length;   // bytes

    bool operator==(const TlvMapping&) const = default;
};

// In the order of their index.
Result<std::vector<TlvMapping>> read_tlv_table(Connection& connection);

enum class TlvCommand : uint16_t { Add = 0, Remove = 1 };
Message tlv_table_mod(TlvCommand command, const std::vector<TlvMapping>& mappings);

}  // namespace hitless::openflow
