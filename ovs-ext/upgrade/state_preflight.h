// What of the state of a switch cannot be carried as it is, as far as it can be told before anything happens and without any packet
// that waits for longer than 20 ms. What takes reading all of it, phase verify warns of.
#pragma once

#include <set>
#include <string>

#include "instance/control.h"
#include "upgrade/preflight.h"

namespace hitless::upgrade {

// 'a' has been set up and runs. An Error where it does not answer.
Result<Findings> examine_state(instance::Control& a);

// Data connections that helpers (ftp, tftp) expect now. 0, too, of a version that does not show them (before 3.2).
Result<size_t> expected_connections(instance::Control& of);

// Words of a later version that 'of' prints of its connections and nobody here knows. None of a switch with so many connections that
// it takes longer to print them: phase verify looks at those.
Result<std::set<std::string>> unknown_words(instance::Control& of, size_t connections);
std::string warn_of_unknown_word(Side of, const std::string& word);

}  // namespace hitless::upgrade
