// ovs-hitlessd: who runs, and in which order. See docs/architecture.md.
#include "appctl/adoption.h"
#include "appctl/commands.h"
#include "appctl/main_queue.h"
#include "capabilities.h"
#include "control/front.h"
#include "options.h"
#include "service_notice.h"
#include "termination.h"
#include "upgrade/conductor.h"
#include "upgrade/switch_site.h"

#include "base/openvswitch.h"

VLOG_DEFINE_THIS_MODULE(hitlessd);

namespace {

void exit_command(unixctl_conn* connection, int, const char*[], void* exiting) {
    *static_cast<bool*>(exiting) = true;
    unixctl_command_reply(connection, nullptr);
}

}  // namespace

int main(int argc, char* argv[]) {
    using namespace hitless;
    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    ovs_set_program_name(argv[0], HITLESS_VERSION);
    service_start(&argc, &argv);
    fatal_ignore_sigpipe();
    Options options = parse_options(argc, argv);
    // A thread that works for more than a second between two waits is no reason to log: the conductor's does.
    vlog_set_levels(vlog_module_from_name("timeval"), VLF_ANY_DESTINATION, VLL_ERR);
    Termination termination;
    daemonize_start(false);
    if (auto kept = keep_needed_capabilities(); !kept) {
        ovs_fatal(0, "%s", kept.error().message.c_str());
    }

    bool exiting = false;
    unixctl_server* server = nullptr;
    std::string own_path = options.unixctl.empty()
                               ? (options.places.rundir / ("ovs-hitlessd." + std::to_string(getpid()) + ".ctl")).string()
                               : options.unixctl;
    if (int error = unixctl_server_create(own_path.c_str(), &server)) {
        ovs_fatal(error, "%s: cannot listen for control connections", own_path.c_str());
    }
    unixctl_command_register("exit", "", 0, 0, exit_command, &exiting);

    {
        control::Front front(own_path);
        upgrade::SwitchSite site(options.places, front);
        auto state = site.recover();
        if (!state) {
            VLOG_ERR("what an earlier ovs-hitlessd left: %s", state.error().message.c_str());
        }
        appctl::MainQueue queue;   // outlives the conductor, whose thread posts to it
        upgrade::Conductor conductor(site, state ? *state : upgrade::State::idle);
        appctl::Commands commands(conductor, site, queue, HITLESS_VERSION);
        appctl::Adoption adoption(options.places.rundir.string(), front);
        auto at_rest = [&] { return !conductor.busy() && conductor.state() == upgrade::State::idle; };

        ServiceNotice notice;
        adoption.run(at_rest());
        daemonize_complete();
        notice.ready();
        VLOG_INFO("ovs-hitlessd %s started", HITLESS_VERSION);
        while (!exiting) {
            memory_run();
            if (memory_should_report()) {
                simap usage;
                simap_init(&usage);
                simap_put(&usage, "front-clients", static_cast<unsigned int>(front.clients()));
                memory_report(&usage);
                simap_destroy(&usage);
            }
            adoption.run(at_rest());
            front.run();
            queue.run();
            notice.run();
            unixctl_server_run(server);
            exiting |= termination.requested();
            if (exiting) {
                break;
            }
            memory_wait();
            adoption.wait(at_rest());
            front.wait();
            queue.wait();
            notice.wait();
            unixctl_server_wait(server);
            termination.wait();
            poll_block();
        }
        notice.stopping();
        if (conductor.finish() == upgrade::State::failed_over) {
            VLOG_WARN("B is the active instance and goes on forwarding without ovs-hitlessd: start it again to bring A back");
            site.leave();
        }
        queue.run();   // what the last operation came to
        VLOG_INFO("ovs-hitlessd is exiting");
    }
    unixctl_server_destroy(server);
    service_stop();
    return 0;
}
