// Detached OpenPGP signatures, checked by gpgv(1).
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace hitless::software {

// Whether 'signature' is a good one of 'file' by a key in one of the files *.gpg of 'keyrings', which must be root's or ours alone to
// write. A key that has expired or was revoked is none. Errors do not name 'file'.
Status check_signature(const std::filesystem::path& file, const std::filesystem::path& signature,
                       const std::filesystem::path& keyrings);

// The verdict of it, from what gpgv writes to its --status-fd (doc/DETAILS in the source of GnuPG). At least one signature must be good
// and none bad; one by a key that is not known counts for nothing.
Status judge_signature(std::string_view gpgv_status, const std::filesystem::path& keyrings);

}  // namespace hitless::software
