// Any text may come: the parser must end, and what it takes for an entry must survive its canonical form.
#include <cstdlib>

#include "state/fdb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace hitless::state;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    if (auto entries = parse_fdb("br0", text)) {
        for (const MacEntry& entry : *entries) {
            auto again = to_mac_entry(to_entry(entry));
            if (!again.ok() || *again != entry) {
                std::abort();
            }
        }
    }
    (void) find_port_name(text, "br0", 1);
    return 0;
}
