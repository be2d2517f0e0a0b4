#include "state/kinds.h"

#include "state/conntrack_settings.h"
#include "state/fdb.h"

namespace hitless::state {

Kinds all_kinds(KindOptions options) {
    Kinds kinds;
    kinds.sequence_check = std::make_shared<SequenceCheck>();
    kinds.list.push_back(std::make_unique<ConntrackSettings>(kinds.sequence_check));   // limits apply to what is loaded next
    auto conntrack = std::make_unique<Conntrack>(std::move(options.conntrack), kinds.sequence_check);
    kinds.conntrack = conntrack.get();
    kinds.list.push_back(std::move(conntrack));
    kinds.list.push_back(std::make_unique<Fdb>());
    return kinds;
}

}  // namespace hitless::state
