#include "upgrade/notes.h"

#include "base/openvswitch.h"

VLOG_DEFINE_THIS_MODULE(hitless_upgrade);

namespace hitless::upgrade {

void Notes::add(const std::string& text) {
    VLOG_WARN("%s", text.c_str());
    std::lock_guard lock(mutex_);
    texts_.push_back(text);
}

}  // namespace hitless::upgrade
