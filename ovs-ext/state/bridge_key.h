// Keys of state that belongs to a bridge: the bridge's name, a zero byte, what names the entry within the bridge.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "state/kind.h"

namespace hitless::state {

std::string bridge_key(std::string_view bridge, std::string_view rest);
// 'number' in network order, so that keys sort by number.
std::string bridge_key(std::string_view bridge, uint32_t number);

std::string_view bridge_of(const Entry& entry);
std::string_view rest_of(const Entry& entry);
uint32_t number_of(const Entry& entry);

// The entries of one bridge.
struct BridgeChanges {
    std::vector<const Entry*> add, change, remove;
};
// 'changes' by bridge; refers into them.
std::map<std::string, BridgeChanges> by_bridge(const Changes& changes);

// The entries of one bridge in a snapshot: [begin, end).
struct Range {
    size_t begin, end;
};
Range range_of(const Snapshot& snapshot, std::string_view bridge);

// Puts 'entries' (sorted) in the place of all that 'snapshot' has of 'bridge'.
void replace_bridge(Snapshot& snapshot, std::string_view bridge, Snapshot entries);
// Leaves out the entries of bridges other than 'bridges' (sorted).
void keep_bridges(Snapshot& snapshot, const std::vector<std::string>& bridges);

}  // namespace hitless::state
