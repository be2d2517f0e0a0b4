#include "appctl/commands.h"

#include "appctl/inquiries.h"
#include "appctl/metrics.h"
#include "base/openvswitch.h"

namespace hitless::appctl {
namespace {

constexpr uint64_t kMaxHistory = 10'000;   // as history-max
constexpr int kMaxArguments = 8;   // of any command; more are refused by the control socket's server

// An answer to one command: given at once, or later by way of the main loop. Given exactly once.
class Answer {
  public:
    Answer(unixctl_conn* connection, MainQueue& main) : connection_(connection), main_(&main) {}

    void good(const std::string& text) const { unixctl_command_reply(connection_, text.c_str()); }
    void bad(const std::string& text) const { unixctl_command_reply_error(connection_, text.c_str()); }
    void give(const Result<std::string>& text) const {
        if (text) {
            good(*text);
        } else {
            bad(text.error().message + "\n");
        }
    }
    void give_from_other_thread(Result<std::string> text) const {
        main_->post([answer = *this, text = std::move(text)] { answer.give(text); });
    }

  private:
    unixctl_conn* connection_;
    MainQueue* main_;
};

using Handler = std::function<void(const Arguments&, const Answer&)>;

struct Command {
    std::string name;
    Accepts accepts;
    Handler handler;
    MainQueue* main;
};

void dispatch(unixctl_conn* connection, int argc, const char* argv[], void* command_) {
    const Command& command = *static_cast<Command*>(command_);
    Answer answer(connection, *command.main);
    std::vector<std::string> arguments(argv + 1, argv + argc);
    auto parsed = parse_arguments(command.name, command.accepts, arguments);
    if (!parsed) {
        answer.bad(parsed.error().message + "\n");
        return;
    }
    command.handler(*parsed, answer);
}

// As the message of an Error, to which the answer adds it.
Error without_last_newline(const std::string& text) {
    return Error{text.substr(0, text.find_last_not_of('\n') + 1)};
}

std::string text_of(Format format, const std::string& table, const Json::Value& json) {
    return format == Format::json ? to_text(json) : table;
}

upgrade::Request software_request(const Arguments& arguments) {
    upgrade::Request request;
    request.from = arguments.from;
    request.sha256 = arguments.sha256;
    request.signature = arguments.signature;
    return request;
}

}  // namespace

struct Commands::Impl {
    upgrade::Conductor& conductor;
    upgrade::Inspector& inspector;
    MainQueue& main;
    std::string version;
    std::vector<std::unique_ptr<Command>> commands;
    Inquiries checks;      // hitless/check and hitless/diff, which may take seconds
    Inquiries inquiries;   // the others, which need not wait for that
    Inquiries releases;    // hitless/release-*: fetching may take minutes

    void add(const std::string& name, Accepts accepts, Handler handler) {
        auto usage = accepts.usage();
        commands.push_back(std::make_unique<Command>(Command{name, accepts, std::move(handler), &main}));
        // The server copies the name, and keeps the other string.
        unixctl_command_register(name.c_str(), xstrdup(usage.c_str()), 0, kMaxArguments, dispatch, commands.back().get());
    }

    void operate(upgrade::Command command, const Arguments& arguments, const Answer& answer) {
        auto request = software_request(arguments);
        request.command = command;
        request.soak = arguments.soak;
        request.keep_standby = arguments.keep_standby;
        auto done = [answer, format = arguments.format](const upgrade::Summary& summary) {
            auto text = text_of(format, summary_table(summary), summary_json(summary));
            if (summary.outcome == upgrade::Outcome::done) {
                answer.give_from_other_thread(text);
            } else {
                answer.give_from_other_thread(without_last_newline(text));
            }
        };
        if (auto status = conductor.submit(request, done); !status) {
            answer.bad(status.error().message + "\n");
        }
    }

    void stop(upgrade::StopFlag::Reason reason, const Arguments& arguments, const Answer& answer) {
        using upgrade::Command;
        if (!conductor.busy()) {   // at rest: give up the stand-by, or bring the traffic back
            operate(reason == upgrade::StopFlag::Reason::abort ? Command::retire : Command::rollback, arguments, answer);
            return;
        }
        auto status = conductor.abort(reason);
        Json::Value json(Json::objectValue);
        json["stopping"] = true;
        answer.give(status ? Result<std::string>(text_of(arguments.format, "stopping\n", json)) : status.error());
    }

    StatusReport report() {
        return {
            .version = version,
            .state = conductor.busy() ? "upgrading" : std::string(to_string(conductor.state())),
            .instances = inspector.instances(),
            .problem = inspector.problem(),
            .soak = inspector.soak_policy(),
            .operation = conductor.operation(),
        };
    }

    Result<std::string> status(const Arguments& arguments) {
        auto status = report();
        return text_of(arguments.format, status_table(status), status_json(status));
    }

    Result<std::string> bond(const Arguments& arguments) {
        auto bond = TRY(inspector.bond());
        return text_of(arguments.format, bond_table(bond), bond_json(bond));
    }

    Result<std::string> history(const Arguments& arguments) {
        auto history = TRY(inspector.history(arguments.count.value_or(10)));
        return text_of(arguments.format, history_table(history), history_json(history));
    }

    // What cannot be known just now is left out.
    Result<std::string> metrics(const Arguments&) {
        MetricsReport metrics{report(), {}, {}};
        if (auto history = inspector.history(kMaxHistory)) {
            metrics.history = std::move(*history);
        }
        if (auto bond = inspector.bond()) {
            metrics.bond = std::move(*bond);
        }
        return metrics_text(metrics);
    }

    Result<std::string> diff(const Arguments& arguments) {
        auto report = TRY(inspector.diff(arguments.kind));
        return text_of(arguments.format, diff_table(report), diff_json(report));
    }

    Result<std::string> give_releases(const Arguments& arguments, const Result<upgrade::ReleaseReport>& report) {
        const auto given = TRY(report);
        return text_of(arguments.format, releases_table(given), releases_json(given));
    }

    Result<std::string> release_list(const Arguments& arguments) { return give_releases(arguments, inspector.releases()); }

    Result<std::string> release_add(const Arguments& arguments) {
        return give_releases(arguments, inspector.add_release(software_request(arguments)));
    }

    Result<std::string> release_remove(const Arguments& arguments) {
        return give_releases(arguments, inspector.remove_release(arguments.release));
    }

    Result<std::string> resume(const Arguments& arguments) {
        TRY(inspector.resume(arguments.bridge, arguments.message));
        Json::Value json(Json::objectValue);
        json["bridge"] = arguments.bridge;
        return text_of(arguments.format, "resumed on bridge " + arguments.bridge + "\n", json);
    }

    // A refusal is an Error, for the exit status of ovs-appctl.
    Result<std::string> check(const Arguments& arguments) {
        auto report = TRY(inspector.check(software_request(arguments)));
        auto text = text_of(arguments.format, check_table(report), check_json(report));
        if (!report.refusals.empty()) {
            return without_last_newline(text);
        }
        return text;
    }

    using Inquiry = Result<std::string> (Impl::*)(const Arguments&);

    void add_inquiry(const std::string& name, Accepts accepts, Inquiries& thread, Inquiry inquiry) {
        add(name, accepts, [this, &thread, inquiry](const Arguments& arguments, const Answer& answer) {
            thread.post([=, this] { answer.give_from_other_thread((this->*inquiry)(arguments)); });
        });
    }
};

Commands::Commands(upgrade::Conductor& conductor, upgrade::Inspector& inspector, MainQueue& main, std::string version)
    : impl_(new Impl{conductor, inspector, main, std::move(version), {}, {}, {}, {}}) {
    using upgrade::Command;
    using Reason = upgrade::StopFlag::Reason;
    Impl* impl = impl_.get();
    const Accepts software{.from = true, .soak = true, .keep_standby = true};
    const Accepts standby{.from = true};
    auto operation = [impl](Command command) {
        return [impl, command](const Arguments& arguments, const Answer& answer) {
            impl->operate(command, arguments, answer);
        };
    };
    impl->add("hitless/upgrade", software, operation(Command::upgrade));
    impl->add("hitless/failover", standby, operation(Command::failover));
    impl->add("hitless/return", {.keep_standby = true}, operation(Command::give_back));
    impl->add("hitless/standby", standby, operation(Command::standby));
    impl->add("hitless/rollback", {}, [impl](const Arguments& arguments, const Answer& answer) {
        impl->stop(Reason::rollback, arguments, answer);
    });
    impl->add("hitless/abort", {}, [impl](const Arguments& arguments, const Answer& answer) {
        impl->stop(Reason::abort, arguments, answer);
    });
    impl->add_inquiry("hitless/check", standby, impl->checks, &Impl::check);
    impl->add_inquiry("hitless/diff", {.kind = true}, impl->checks, &Impl::diff);
    impl->add_inquiry("hitless/release-list", {}, impl->releases, &Impl::release_list);
    impl->add_inquiry("hitless/release-add", standby, impl->releases, &Impl::release_add);
    impl->add_inquiry("hitless/release-remove", {.release = true}, impl->releases, &Impl::release_remove);
    impl->add_inquiry("hitless/resume", {.message = true}, impl->inquiries, &Impl::resume);
    impl->add_inquiry("hitless/status", {}, impl->inquiries, &Impl::status);
    impl->add_inquiry("hitless/bond-show", {}, impl->inquiries, &Impl::bond);
    impl->add_inquiry("hitless/history", {.count = true}, impl->inquiries, &Impl::history);
    impl->add_inquiry("hitless/metrics", {.format = false}, impl->inquiries, &Impl::metrics);
    impl->add("hitless/version", {}, [impl](const Arguments& arguments, const Answer& answer) {
        Json::Value json(Json::objectValue);
        json["version"] = impl->version;
        answer.good(text_of(arguments.format, "ovs-hitlessd (ovs-hitless) " + impl->version + "\n", json));
    });
}

Commands::~Commands() {
    impl_->inspector.give_up();
}

}  // namespace hitless::appctl
