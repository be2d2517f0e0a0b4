#include "state/bridge_key.h"

#include <algorithm>

namespace hitless::state {

std::string bridge_key(std::string_view bridge, std::string_view rest) {
    std::string key;
    key.reserve(bridge.size() + 1 + rest.size());
    key.append(bridge).push_back('\0');
    return key.append(rest);
}

std::string bridge_key(std::string_view bridge, uint32_t number) {
    const char bytes[4] = {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                           static_cast<char>(number >> 8), static_cast<char>(number)};
    return bridge_key(bridge, std::string_view(bytes, sizeof bytes));
}

std::string_view bridge_of(const Entry& entry) {
    return std::string_view(entry.key).substr(0, entry.key.find('\0'));
}

std::string_view rest_of(const Entry& entry) {
    return std::string_view(entry.key).substr(entry.key.find('\0') + 1);
}

uint32_t number_of(const Entry& entry) {
    uint32_t number = 0;
    for (char byte : rest_of(entry)) {
        number = number << 8 | static_cast<uint8_t>(byte);
    }
    return number;
}

std::map<std::string, BridgeChanges> by_bridge(const Changes& changes) {
    std::map<std::string, BridgeChanges> bridges;
    auto sort_out = [&](const Snapshot& entries, std::vector<const Entry*> BridgeChanges::*part) {
        for (const Entry& entry : entries) {
            (bridges[std::string(bridge_of(entry))].*part).push_back(&entry);
        }
    };
    sort_out(changes.add, &BridgeChanges::add);
    sort_out(changes.change, &BridgeChanges::change);
    sort_out(changes.remove, &BridgeChanges::remove);
    return bridges;
}

Range range_of(const Snapshot& snapshot, std::string_view bridge) {
    std::string first = bridge_key(bridge, std::string_view());
    std::string last = first;
    last.back() = '\1';   // sorts after all that starts with 'first'
    auto less = [](const Entry& entry, const std::string& key) { return entry.key < key; };
    auto begin = std::lower_bound(snapshot.begin(), snapshot.end(), first, less);
    auto end = std::lower_bound(begin, snapshot.end(), last, less);
    return {static_cast<size_t>(begin - snapshot.begin()), static_cast<size_t>(end - snapshot.begin())};
}

void replace_bridge(Snapshot& snapshot, std::string_view bridge, Snapshot entries) {
    auto [begin, end] = range_of(snapshot, bridge);
    size_t common = std::min(end - begin, entries.size());
    std::move(entries.begin(), entries.begin() + common, snapshot.begin() + begin);
    if (entries.size() > common) {
        snapshot.insert(snapshot.begin() + begin + common, std::make_move_iterator(entries.begin() + common),
                        std::make_move_iterator(entries.end()));
    } else {
        snapshot.erase(snapshot.begin() + begin + common, snapshot.begin() + end);
    }
}

void keep_bridges(Snapshot& snapshot, const std::vector<std::string>& bridges) {
    size_t kept = 0;
    for (const std::string& bridge : bridges) {
        auto [begin, end] = range_of(snapshot, bridge);
        kept += end - begin;
    }
    if (kept != snapshot.size()) {
        std::erase_if(snapshot, [&](const Entry& entry) {
            return !std::binary_search(bridges.begin(), bridges.end(), bridge_of(entry));
        });
    }
}

}  // namespace hitless::state
