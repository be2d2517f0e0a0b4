// A Steering without a kernel, for tests of what uses one. Keeps the rules of the interface (a release needs a halt, a detach
// needs A active), and fails where it is told to.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "datapath/steering.h"

namespace hitless::datapath {

class FakeSteering : public Steering {
  public:
    // What was called, in order: "attach", "stitch", "add_port P", "remove_port P", "halt", "release A"...
    std::vector<std::string> calls;
    // By a name as in 'calls': that call fails with this message, and changes nothing.
    std::map<std::string, std::string> failures;
    // What a release reports.
    ReleaseReport report;
    // The halt's deadline passes: the next release fails, and the side that was active stays it.
    bool deadline_passed = false;

    Status attach(std::span<const Port> ports) override {
        return call("attach", [&]() -> Status {
            if (attached_) {
                return make_error("attached already");
            }
            attached_ = true;
            for (const Port& port : ports) {
                bond_.members.push_back({port, {}, true, true});
            }
            return {};
        });
    }

    Status stitch() override {
        return call("stitch", [] { return Status(); });
    }

    Status add_port(const Port& port) override {
        return call("add_port " + port.name, [&]() -> Status {
            bond_.members.push_back({port, {}, true, true});
            return {};
        });
    }

    Status remove_port(const std::string& name) override {
        return call("remove_port " + name, [&]() -> Status {
            auto gone = std::erase_if(bond_.members, [&](auto& member) { return member.port.name == name; });
            return gone ? Status() : Status(make_error("port {}: not under steering", name));
        });
    }

    Status halt(std::chrono::milliseconds) override {
        return call("halt", [&]() -> Status {
            if (!attached_ || (bond_.halted && !partial_)) {
                return make_error("halt: halted already, or not attached");
            }
            bond_.halted = true;
            partial_ = false;
            return {};
        });
    }

    Status halt_changes(std::chrono::milliseconds) override {
        return call("halt_changes", [&]() -> Status {
            if (!attached_ || bond_.halted) {
                return make_error("halt: halted already, or not attached");
            }
            bond_.halted = partial_ = true;
            return {};
        });
    }

    Result<bool> settle() override { return true; }
    uint64_t taken_by_both() const override { return 0; }

    // What hold_fill() returns.
    double fill = 0;

    double hold_fill() const override { return fill; }
    void set_receiver(Side, HasRoom) override {}

    Result<ReleaseReport> release(Side to) override {
        auto status = call("release " + std::string(to_string(to)), [&]() -> Status {
            if (!bond_.halted) {
                return make_error("release: there is no halt");
            }
            bond_.halted = partial_ = false;
            if (std::exchange(deadline_passed, false)) {
                return make_error("release: came after the halt's deadline");
            }
            bond_.active = to;
            return {};
        });
        return status.ok() ? Result<ReleaseReport>(report) : Result<ReleaseReport>(status.error());
    }

    Bond bond() const override { return bond_; }

    Status learn_tcp(bool on) override {
        return call(on ? "learn_tcp on" : "learn_tcp off", [] { return Status(); });
    }

    std::optional<LearnedTcp> learned(const TcpDirection&) const override { return std::nullopt; }

    // What watched() returns.
    Watched passed;

    Status watch() override {
        return call("watch", [] { return Status(); });
    }
    Result<Watched> watched() override { return passed; }
    uint64_t changes() const override { return passed.changes; }

    Result<bool> send_to_host(const std::array<uint8_t, 16>&, std::span<const uint8_t>) override { return false; }

    Status detach_all() override {
        return call("detach_all", [&]() -> Status {
            if (attached_ && (bond_.halted || bond_.active != Side::A)) {
                return make_error("steering: cannot be detached");
            }
            attached_ = false;
            bond_ = {};
            return {};
        });
    }

    bool attached() const { return attached_; }

  private:
    Status call(const std::string& name, const std::function<Status()>& effect) {
        calls.push_back(name);
        auto failure = failures.find(name);
        return failure == failures.end() ? effect() : Status(Error{failure->second});
    }

    bool attached_ = false, partial_ = false;
    Bond bond_;
};

}  // namespace hitless::datapath
