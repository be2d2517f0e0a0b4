// The command line of ovs-hitlessd.
#pragma once

#include <string>

#include "upgrade/pair.h"

namespace hitless {

struct Options {
    upgrade::Places places;
    std::string unixctl;   // empty: the default
};

// Also takes the daemon and logging options of libopenvswitch. Ends the process where the command line is wrong, or asks for
// help or version.
Options parse_options(int argc, char* argv[]);

}  // namespace hitless
