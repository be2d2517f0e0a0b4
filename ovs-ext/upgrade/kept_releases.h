// Kept releases (software/store.h) and the journal, whose table Release shows them.
#pragma once

#include "journal/journal.h"
#include "software/store.h"

namespace hitless::upgrade {

// Has the journal show what is in 'store' now.
Status note_releases(const software::Store& store, journal::Journal& journal);

}  // namespace hitless::upgrade
