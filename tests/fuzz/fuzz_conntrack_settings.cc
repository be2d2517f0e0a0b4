// Any text may come: the parsers must end, and what they take for settings must be what they can be set to.
#include <cstdlib>

#include "state/conntrack_parser.h"
#include "state/conntrack_settings_parser.h"

namespace {

void check(const hitless::Result<hitless::state::Snapshot>& settings) {
    if (!settings) {
        return;
    }
    for (size_t i = 0; i < settings->size(); i++) {
        const auto& key = (*settings)[i].key;
        const auto& value = (*settings)[i].value;
        bool is_number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
        if (key.empty() || (!is_number && value != "enabled" && value != "disabled") || (i && (*settings)[i - 1].key >= key)) {
            std::abort();
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace hitless::state;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    check(parse_conntrack_limits(text));
    check(parse_sweep_interval(text));
    check(parse_ipf_status(text));
    (void) parse_connection_count(text).ok();
    return 0;
}
