// Any bytes may be the match of a flow: the canonical form has the same fields, and is its own.
#include <algorithm>
#include <cstdlib>

#include "openflow/oxm_match.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace hitless::openflow;
    auto match = match_at({reinterpret_cast<const char*>(data), size});
    if (match.empty()) {
        return 0;
    }
    std::string canonical, again;
    canonicalize_match(match, canonical);
    canonicalize_match(canonical, again);
    if (canonical != again || !std::is_permutation(match.begin(), match.end(), canonical.begin(), canonical.end())) {
        std::abort();
    }
    return 0;
}
