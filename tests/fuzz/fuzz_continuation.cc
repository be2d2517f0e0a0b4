// Any bytes may come from whoever calls hitless/resume: refused, or the bridge alone is another afterwards.
#include <algorithm>
#include <cstdlib>

#include "openflow/continuation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace hitless::openflow;
    std::span<const uint8_t> message(data, size);
    auto uuid = bridge_of_continuation(message);
    auto same = make_resume(message, uuid ? *uuid : BridgeUuid{});
    if (uuid.ok() != same.ok()) {
        std::abort();
    }
    if (same) {
        BridgeUuid other = *uuid;
        other[0] ^= 1;
        auto changed = make_resume(*same, other);
        if (!std::equal(data + 16, data + size, same->begin() + 16) || !changed || *bridge_of_continuation(*changed) != other) {
            std::abort();
        }
    }
    return 0;
}
