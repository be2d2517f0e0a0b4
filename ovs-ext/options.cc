#include "options.h"

#include "base/openvswitch.h"

#include <fmt/core.h>

namespace hitless {
namespace {

void usage() {
    fmt::print("{0}: replaces the software of a running Open vSwitch without interfering with packet flow\n"
               "usage: {0} [OPTIONS]\n"
               "The switch is the one whose run directory is OVS_RUNDIR (default {1}).\n"
               "  --state-dir=DIR         kept releases and the database hitless (default {2})\n"
               "  --schema=FILE           schema of the database hitless\n"
               "  --keyrings=DIR          keys of those who may sign software (default {3})\n"
               "  --allow-unverified      take software from a URL without digest or signature\n"
               "  --unixctl=SOCKET        override default control socket name\n"
               "  -h, --help              display this help message\n"
               "  -V, --version           display version information\n",
               program_name, ovs_rundir(), HITLESS_STATE_DIR, HITLESS_KEYRINGS);
    daemon_usage();
    vlog_usage();
}

[[noreturn]] void finish(void (*print)()) {
    print();
    std::exit(EXIT_SUCCESS);
}

}  // namespace

Options parse_options(int argc, char* argv[]) {
    enum { OPT_STATE_DIR = UCHAR_MAX + 1, OPT_SCHEMA, OPT_KEYRINGS, OPT_ALLOW_UNVERIFIED, OPT_UNIXCTL, VLOG_OPTION_ENUMS, DAEMON_OPTION_ENUMS };
    static const option long_options[] = {{"state-dir", required_argument, nullptr, OPT_STATE_DIR},
                                          {"schema", required_argument, nullptr, OPT_SCHEMA},
                                          {"keyrings", required_argument, nullptr, OPT_KEYRINGS},
                                          {"allow-unverified", no_argument, nullptr, OPT_ALLOW_UNVERIFIED},
                                          {"unixctl", required_argument, nullptr, OPT_UNIXCTL},
                                          {"help", no_argument, nullptr, 'h'},
                                          {"version", no_argument, nullptr, 'V'},
                                          VLOG_LONG_OPTIONS,
                                          DAEMON_LONG_OPTIONS,
                                          {nullptr, 0, nullptr, 0}};
    Options options;
    options.places.rundir = ovs_rundir();
    options.places.logdir = ovs_logdir();
    options.places.statedir = HITLESS_STATE_DIR;
    options.places.schema = HITLESS_SCHEMA;
    options.places.keyrings = HITLESS_KEYRINGS;
    for (int c; (c = getopt_long(argc, argv, "hVv::", long_options, nullptr)) != -1;) {
        switch (c) {
        case OPT_STATE_DIR:
            options.places.statedir = optarg;
            break;
        case OPT_SCHEMA:
            options.places.schema = optarg;
            break;
        case OPT_KEYRINGS:
            options.places.keyrings = optarg;
            break;
        case OPT_ALLOW_UNVERIFIED:
            options.places.allow_unverified = true;
            break;
        case OPT_UNIXCTL:
            options.unixctl = optarg;
            break;
        case 'h':
            finish(usage);
        case 'V':
            finish([] { fmt::print("ovs-hitlessd (ovs-hitless) {}\n", HITLESS_VERSION); });
        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS
        case '?':
            std::exit(EXIT_FAILURE);
        default:
            std::abort();
        }
    }
    if (optind < argc) {
        ovs_fatal(0, "%s: unexpected argument; use --help for usage", argv[optind]);
    }
    return options;
}

}  // namespace hitless
