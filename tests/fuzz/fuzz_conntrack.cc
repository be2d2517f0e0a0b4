// Any text may come: the parser must end, and what it takes for a connection must survive its canonical form.
#include <cstdlib>

#include "state/conntrack_parser.h"
#include "state/conntrack_value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace hitless::state;
    (void) parse_conntrack_dump({reinterpret_cast<const char*>(data), size}, [](const Connection& connection) {
        Entry entry = to_entry(connection);
        auto again = from_entry(entry);
        if (!again.ok() || to_entry(*again) != entry) {
            std::abort();
        }
        format_connection(*again);
    });
    // Arbitrary bytes as an entry: refused or understood.
    size_t key_length = size ? data[0] % 48 : 0;
    if (size > key_length) {
        const char* bytes = reinterpret_cast<const char*>(data) + 1;
        if (auto connection = from_entry({std::string(bytes, key_length), std::string(bytes + key_length, size - 1 - key_length)})) {
            format_connection(*connection);
            infer_translation(*connection);
        }
    }
    return 0;
}
