// The control sockets of a running stock switch: front, pidfile, management links.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>   // before libopenvswitch redefines what it uses

#include "base/openvswitch.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/front.h"
#include "control/mgmt_links.h"
#include "control/pidfile_holder.h"
#include "control_switch.h"

namespace hitless::control {
namespace {

using testing::HasSubstr;
using testing::Not;
using test::eventually;
using test::StockSwitch;

// A daemon's main loop with three commands of its own.
class Daemon {
  public:
    Daemon() : front_(std::make_unique<Front>(directory_.path() + "/own.ctl")) {
        EXPECT_EQ(unixctl_server_create((directory_.path() + "/own.ctl").c_str(), &server_), 0);
        unixctl_command_register("hitless/echo", "TEXT", 1, 1, [](unixctl_conn* conn, int, const char* argv[], void*) {
            unixctl_command_reply(conn, argv[1]);
        }, nullptr);
        unixctl_command_register("hitless/fail", "", 0, 0, [](unixctl_conn* conn, int, const char**, void*) {
            unixctl_command_reply_error(conn, "port eth3: no such device");
        }, nullptr);
        unixctl_command_register("hitless/wait", "", 0, 0, [](unixctl_conn* conn, int, const char**, void*) {
            waiting_.push_back(conn);
        }, nullptr);
        unixctl_command_register("hitless/wake", "", 0, 0, [](unixctl_conn* conn, int, const char**, void*) {
            for (auto* waiting : std::exchange(waiting_, {})) {
                unixctl_command_reply(waiting, "woken");
            }
            unixctl_command_reply(conn, "");
        }, nullptr);
        thread_ = std::thread([this] {
            for (;;) {
                unixctl_server_run(server_);
                front_->run();
                if (stop_) {   // looked at here: run() may have taken the change that was to wake us
                    break;
                }
                clients_ = front_->clients();
                unixctl_server_wait(server_);
                front_->wait();
                turns_++;
                poll_block();
            }
        });
    }
    ~Daemon() {
        stop_ = true;
        front_->set_active("");
        thread_.join();
        front_.reset();
        unixctl_server_destroy(server_);
        waiting_.clear();
    }
    Front& front() { return *front_; }
    size_t clients() const { return clients_; }
    size_t turns() const { return turns_; }

    void adopt(const StockSwitch& theirs) {
        auto taken = front_->take_over(theirs.ctl());
        ASSERT_TRUE(taken) << taken.error().message;
        front_->set_active(Front::displaced(theirs.ctl()));
    }

  private:
    static inline std::vector<unixctl_conn*> waiting_;
    test::Directory directory_;
    unixctl_server* server_ = nullptr;
    std::unique_ptr<Front> front_;
    std::atomic<bool> stop_ = false;
    std::atomic<size_t> clients_ = 0, turns_ = 0;
    std::thread thread_;
};

std::vector<std::string> files_of_ours(const StockSwitch& of) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(of.rundir())) {
        if (entry.path().string().find(".hitless") != std::string::npos) {
            names.push_back(entry.path().filename());
        }
    }
    return names;
}

// Sends 'text' to the control socket; the connection is closed with the result.
Fd send_raw(const std::string& path, const std::string& text) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << path;
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return fd;
}

std::string receive_all(const Fd& fd) {
    std::string text;
    char buffer[65536];
    for (ssize_t n; (n = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<size_t>(n));
    }
    return text;
}

// A switch of a version that has options, as each of its connections has its own. Ends with its last client.
class SwitchWithOptions {
  public:
    explicit SwitchWithOptions(const std::string& path) : listener_(*listen_unix(path)) {
        thread_ = std::thread([this] {
            for (pollfd poll = {listener_.get(), POLLIN, 0}; ::poll(&poll, 1, -1) > 0;) {
                Fd client(::accept(listener_.get(), nullptr, nullptr));
                if (!client) {
                    return;
                }
                serve(client);
            }
        });
    }
    ~SwitchWithOptions() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }

  private:
    static void serve(const Fd& client) {
        std::string text, format = "text";
        char buffer[4096];
        for (ssize_t n; (n = ::recv(client.get(), buffer, sizeof buffer, 0)) > 0;) {
            text.append(buffer, static_cast<size_t>(n));
            std::string reply;
            if (size_t at = text.find("set-options"); at != std::string::npos) {
                text.erase(0, at + 1);
                format = "json";
                reply = R"({"id":1,"result":"","error":null})";
            }
            if (text.find("what/format") != std::string::npos) {
                reply += R"({"id":2,"result":")" + format + R"(","error":null})";
            }
            EXPECT_EQ(::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL), static_cast<ssize_t>(reply.size()));
        }
    }

    Fd listener_;
    std::thread thread_;
};

TEST(Front, OptionsHoldForTheCommandsThatFollow) {
    test::Directory directory;
    std::string path = directory.path() + "/switch.ctl";
    SwitchWithOptions a(path);
    Daemon daemon;
    ASSERT_TRUE(daemon.front().serve(directory.path() + "/front.ctl"));
    daemon.front().set_active(path);
    std::string command = R"({"id":2,"method":"what/format","params":[]})";
    auto answer = [&](const std::string& requests) {
        Fd fd = send_raw(directory.path() + "/front.ctl", requests);
        ::shutdown(fd.get(), SHUT_WR);
        return receive_all(fd);
    };
    EXPECT_THAT(answer(command), HasSubstr(R"("result":"text")"));
    EXPECT_THAT(answer(R"({"id":1,"method":"set-options","params":["--format","json"]})" + command), HasSubstr(R"("result":"json")"));
    EXPECT_THAT(answer(command), HasSubstr(R"("result":"text")"));
}

TEST(Front, PlainAppctlReachesTheDaemonAndTheSwitch) {
    StockSwitch a;
    a.add_bridge("br0", "000000000000000a");
    std::string before = a.appctl({"version"}), list = a.appctl({"list-commands"});
    Daemon daemon;
    daemon.adopt(a);
    EXPECT_EQ(a.appctl({"hitless/echo", "Grüße \"a\"\n\tb"}), "Grüße \"a\"\n\tb\n");
    EXPECT_EQ(a.appctl({"version"}), before);
    EXPECT_THAT(a.appctl({"fdb/show", "br0"}), HasSubstr("VLAN"));

    std::string merged = a.appctl({"list-commands"});
    EXPECT_THAT(merged, HasSubstr("  hitless/echo            TEXT\n"));
    for (const char* command : {"hitless/echo", "hitless/fail", "hitless/wait", "hitless/wake"}) {
        auto at = merged.find(std::string("  ") + command);
        ASSERT_NE(at, std::string::npos) << command;
        merged.erase(at, merged.find('\n', at) + 1 - at);
    }
    EXPECT_EQ(merged, list);
}

TEST(Front, CountsWhatPassesToTheSwitchAndBack) {
    StockSwitch a;
    Daemon daemon;
    daemon.adopt(a);
    EXPECT_EQ(daemon.front().passed(), 0u);
    a.appctl({"hitless/echo", "x"});
    EXPECT_EQ(daemon.front().passed(), 0u);
    a.appctl({"version"});
    EXPECT_EQ(daemon.front().passed(), 2u);
    a.try_run({"ovs-appctl", "no/such"});
    EXPECT_EQ(daemon.front().passed(), 4u);
}

TEST(Front, ErrorsPassThrough) {
    StockSwitch a;
    std::string unknown = a.try_run({"ovs-appctl", "no/such"}).standard_error;
    Daemon daemon;
    daemon.adopt(a);
    auto refused = a.try_run({"ovs-appctl", "hitless/fail"});
    EXPECT_EQ(refused.exit_status, 2);
    EXPECT_THAT(refused.standard_error, HasSubstr("port eth3: no such device\n"));
    auto passed = a.try_run({"ovs-appctl", "no/such"});
    EXPECT_EQ(passed.exit_status, 2);
    EXPECT_EQ(passed.standard_error, unknown);
}

TEST(Front, SlowCommandOfOneClientDoesNotHoldUpOthers) {
    StockSwitch a;
    Daemon daemon;
    daemon.adopt(a);
    auto slow = std::async(std::launch::async, [&] { return a.appctl({"hitless/wait"}); });
    ASSERT_TRUE(eventually([&] { return daemon.clients() == 1; }));
    std::vector<std::future<std::string>> others;
    for (int i = 0; i < 20; i++) {
        others.push_back(std::async(std::launch::async, [&, i] {
            return a.appctl(i % 2 ? std::vector<std::string>{"version"} : std::vector<std::string>{"hitless/echo", "x"});
        }));
    }
    for (int i = 0; i < 20; i++) {
        EXPECT_THAT(others[i].get(), i % 2 ? HasSubstr("ovs-vswitchd") : HasSubstr("x"));
    }
    EXPECT_EQ(slow.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    a.appctl({"hitless/wake"});
    EXPECT_EQ(slow.get(), "woken\n");
    EXPECT_TRUE(eventually([&] { return daemon.clients() == 0; }));
}

TEST(Front, AnswersRequestsOfOneClientInOrderAlsoWhenItHasShutDownItsSide) {
    StockSwitch a;
    Daemon daemon;
    daemon.adopt(a);
    Fd client = send_raw(a.ctl(), R"({"id":7,"method":"hitless/echo","params":["one"]}{"id":"x","method":"version","params":[]})"
                                  R"({"id":9,"method":"hitless/echo","params":["two"]})");
    ::shutdown(client.get(), SHUT_WR);
    auto text = receive_all(client);
    auto one = text.find("one"), version = text.find("ovs-vswitchd"), two = text.find("two");
    EXPECT_TRUE(one < version && version < two && two != std::string::npos) << text;
    EXPECT_THAT(text, HasSubstr("\"id\":7"));
}

TEST(Front, ForgetsClientsThatVanishOrTalkNonsense) {
    StockSwitch a;
    Daemon daemon;
    daemon.adopt(a);
    for (int i = 0; i < 10; i++) {
        send_raw(a.ctl(), R"({"id":0,"method":"hitless/wait","params":[]})");
        send_raw(a.ctl(), R"({"id":0,"method":"ver)");
    }
    Fd nonsense = send_raw(a.ctl(), "GET / HTTP/1.0\n\n");
    EXPECT_EQ(receive_all(nonsense), "");
    EXPECT_TRUE(eventually([&] { return daemon.clients() == 0; }));
    EXPECT_EQ(a.appctl({"hitless/echo", "alive"}), "alive\n");
    a.appctl({"hitless/wake"});   // replies to connections that are gone
    EXPECT_EQ(a.appctl({"hitless/echo", "alive"}), "alive\n");
}

TEST(Front, RestsWhenThereIsNothingToDo) {
    StockSwitch a;
    Daemon daemon;
    daemon.adopt(a);
    Fd idle = send_raw(a.ctl(), "");
    Fd waiting = send_raw(a.ctl(), R"({"id":0,"method":"hitless/wait","params":[]})");
    ASSERT_TRUE(eventually([&] { return daemon.clients() == 2; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    auto before = daemon.turns();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_LE(daemon.turns() - before, 5u);
    a.appctl({"hitless/wake"});
}

TEST(Front, FollowsTheActiveInstance) {
    StockSwitch a, b;
    b.add_bridge("only-b", "000000000000000b");
    Daemon daemon;
    daemon.adopt(a);
    EXPECT_THAT(a.appctl({"ofproto/list"}), Not(HasSubstr("only-b")));
    daemon.front().set_active(b.ctl());
    EXPECT_THAT(a.appctl({"ofproto/list"}), HasSubstr("only-b"));
    daemon.front().set_active("");
    auto none = a.try_run({"ovs-appctl", "version"});
    EXPECT_EQ(none.exit_status, 2);
    EXPECT_THAT(none.standard_error, HasSubstr("no instance of the switch is active"));
    EXPECT_EQ(a.appctl({"hitless/echo", "still"}), "still\n");
}

TEST(Front, CommandsForTheSwitchWaitInAHold) {
    StockSwitch a, b;
    b.add_bridge("only-b", "000000000000000b");
    Daemon daemon;
    daemon.adopt(a);
    daemon.front().hold();
    auto waits = std::async(std::launch::async, [&] { return a.appctl({"ofproto/list"}); });
    Fd gone = send_raw(a.ctl(), R"({"id":0,"method":"version","params":[]})");
    ASSERT_TRUE(eventually([&] { return daemon.clients() == 2; }));
    gone.reset();
    EXPECT_TRUE(eventually([&] { return daemon.clients() == 1; }));
    EXPECT_EQ(a.appctl({"hitless/echo", "own"}), "own\n");
    EXPECT_EQ(waits.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
    daemon.front().set_active(b.ctl());
    EXPECT_THAT(waits.get(), HasSubstr("only-b"));
}

TEST(Front, TellsTheClientWhenTheInstanceIsGone) {
    StockSwitch a;
    Daemon daemon;
    daemon.adopt(a);
    auto process = a.process();
    ASSERT_TRUE(process);
    ASSERT_TRUE(process->signal(SIGSTOP));
    Fd client = send_raw(a.ctl(), R"({"id":5,"method":"version","params":[]})");
    ASSERT_TRUE(eventually([&] { return daemon.clients() == 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_TRUE(process->signal(SIGKILL));
    ::shutdown(client.get(), SHUT_WR);
    EXPECT_THAT(receive_all(client), HasSubstr("ended before it answered"));
    ASSERT_TRUE(process->wait_end(std::chrono::seconds(5)));
    std::string ctl = a.path("ovs-vswitchd." + std::to_string(process->pid()) + ".ctl");
    auto output = a.try_run({"ovs-appctl", "-t", ctl, "version"});
    EXPECT_EQ(output.exit_status, 2);
    EXPECT_THAT(output.standard_error, HasSubstr("cannot be reached at " + ctl + ".hitless: Connection refused"));
    EXPECT_THAT(a.run({"ovs-appctl", "-t", ctl, "list-commands"}), HasSubstr("hitless/echo"));
}

TEST(Front, RequestThatAFrozenInstanceKeepsIsAnsweredAfterTheHandover) {
    StockSwitch a, b;
    Daemon daemon;
    daemon.adopt(a);
    auto process = a.process();
    ASSERT_TRUE(process->signal(SIGSTOP));
    Fd client = send_raw(a.ctl(), R"({"id":5,"method":"version","params":[]})");
    ::shutdown(client.get(), SHUT_WR);
    ASSERT_TRUE(eventually([&] { return daemon.clients() == 1; }));
    daemon.front().set_active(b.ctl());
    EXPECT_THAT(receive_all(client), HasSubstr("another instance of the switch became active"));
    ASSERT_TRUE(process->signal(SIGCONT));
}

TEST(Front, GivesBackTheVerySocketAndLeavesNothing) {
    StockSwitch a;
    auto before = identify(a.ctl());
    {
        Daemon daemon;
        daemon.adopt(a);
        EXPECT_FALSE(identify(a.ctl())->same_file(*before));
        EXPECT_EQ(identify(a.ctl())->mode, before->mode);
        ASSERT_TRUE(daemon.front().give_back(a.ctl()));
        EXPECT_TRUE(identify(a.ctl())->same_file(*before));
        EXPECT_THAT(a.try_run({"ovs-appctl", "hitless/echo", "x"}).standard_error, HasSubstr("not a valid command"));
        EXPECT_FALSE(daemon.front().give_back(a.ctl()));
        daemon.adopt(a);
    }   // and so does the end of the daemon
    EXPECT_TRUE(identify(a.ctl())->same_file(*before));
    EXPECT_THAT(files_of_ours(a), testing::IsEmpty());
}

TEST(Front, CopesWithASwitchThatEndedInTheMeantime) {
    for (int signal : {SIGTERM, SIGKILL}) {   // the first unlinks the front's socket
        StockSwitch a;
        Daemon daemon;
        daemon.adopt(a);
        std::string ctl = a.ctl();
        a.end("ovs-vswitchd.pid", signal);
        auto given = daemon.front().give_back(ctl);
        EXPECT_TRUE(given) << given.error().message;
        EXPECT_FALSE(identify(ctl));
        EXPECT_THAT(files_of_ours(a), testing::IsEmpty());
    }
}

// Every state that a kill -9 of the daemon can leave, made by one.
TEST(Front, RepairsWhatAKilledDaemonLeft) {
    StockSwitch a;
    auto before = identify(a.ctl());
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (!child) {
        Front front("/nonexistent");
        bool taken = front.take_over(a.ctl()).ok();
        ::kill(::getpid(), taken ? SIGKILL : SIGABRT);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
    ASSERT_NE(a.try_run({"ovs-appctl", "version"}).exit_status, 0);
    auto repaired = Front::repair(a.ctl());
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_TRUE(identify(a.ctl())->same_file(*before));
    EXPECT_THAT(files_of_ours(a), testing::IsEmpty());
}

TEST(Front, RepairsHalfStates) {
    StockSwitch a;
    std::string ctl = a.ctl();
    auto before = identify(ctl);
    auto expect_repaired = [&](const char* state) {
        auto repaired = Front::repair(ctl);
        EXPECT_TRUE(repaired) << state << ": " << repaired.error().message;
        ASSERT_TRUE(identify(ctl)) << state;
        EXPECT_TRUE(identify(ctl)->same_file(*before)) << state;
        EXPECT_THAT(files_of_ours(a), testing::IsEmpty()) << state;
    };
    expect_repaired("nothing wrong");
    ASSERT_TRUE(link_over(ctl, Front::displaced(ctl)));
    expect_repaired("two names");
    ASSERT_TRUE(rename_file(ctl, Front::displaced(ctl)));
    expect_repaired("front's socket gone");
    (void)listen_unix(ctl + ".hitless.new");
    expect_repaired("not yet renamed");
    (void)listen_unix(Front::displaced(ctl));
    expect_repaired("stale displaced socket");

    Daemon daemon;
    daemon.adopt(a);
    auto second = Front::repair(ctl);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("another hitless daemon"));
    EXPECT_EQ(a.appctl({"hitless/echo", "unharmed"}), "unharmed\n");
}

TEST(PidfileHolder, AppctlFindsTheDaemonAndAStockStartAborts) {
    StockSwitch a;
    Daemon daemon;
    PidfileHolder holder(a.path("ovs-vswitchd.pid"));
    auto held = holder.hold();
    ASSERT_FALSE(held) << "taken from a running switch";
    EXPECT_THAT(held.error().message, HasSubstr("held by the running process"));
    a.end("ovs-vswitchd.pid", SIGKILL);

    held = holder.hold();
    ASSERT_TRUE(held) << held.error().message;
    std::string ctl = a.path("ovs-vswitchd." + std::to_string(::getpid()) + ".ctl");
    auto served = daemon.front().serve(ctl);
    ASSERT_TRUE(served) << served.error().message;
    EXPECT_EQ(a.appctl({"hitless/echo", "found"}), "found\n");
    auto refused = a.try_start();
    EXPECT_NE(refused.exit_status, 0);
    EXPECT_THAT(refused.standard_error, HasSubstr("already running as pid " + std::to_string(::getpid())));

    ASSERT_TRUE(holder.release());
    a.start();
    ASSERT_TRUE(daemon.front().give_back(ctl));
    EXPECT_FALSE(identify(ctl));
    daemon.adopt(a);
    EXPECT_THAT(a.appctl({"version"}), HasSubstr("ovs-vswitchd"));
    EXPECT_TRUE(holder.release());   // again: nothing to do, and not the switch's
    EXPECT_TRUE(a.process());
}

class MgmtLinksTest : public testing::Test {
  protected:
    MgmtLinksTest() {
        a.add_bridge("br0", "00000000000000aa");
        b.add_bridge("br0", "00000000000000bb");
    }
    std::string reached() const { return a.ofctl({"show", "br0"}).find("00bb") != std::string::npos ? "B" : "A"; }
    StockSwitch a, b;
    MgmtLinks links{a.rundir(), b.rundir()};
};

TEST_F(MgmtLinksTest, DirectThereAndBackWithAsOwnSocketAlwaysKnown) {
    auto before = identify(a.path("br0.mgmt"));
    EXPECT_EQ(links.a_mgmt("br0"), a.path("br0.mgmt"));
    ASSERT_TRUE(links.point_to_b({"br0"}));
    EXPECT_EQ(reached(), "B");
    EXPECT_THAT(a.run({"ovs-ofctl", "show", links.a_mgmt("br0")}), HasSubstr("00aa"));
    EXPECT_THAT(a.run({"ovs-ofctl", "show", links.b_mgmt("br0")}), HasSubstr("00bb"));
    ASSERT_TRUE(links.point_to_b({"br0"}));
    EXPECT_EQ(reached(), "B");
    ASSERT_TRUE(links.point_to_a());
    EXPECT_EQ(reached(), "A");
    EXPECT_TRUE(identify(a.path("br0.mgmt"))->same_file(*before));
    EXPECT_THAT(files_of_ours(a), testing::IsEmpty());
}

TEST_F(MgmtLinksTest, NoMomentIsWithoutASocket) {
    std::atomic<bool> stop = false;
    std::atomic<size_t> tried = 0, failed = 0;
    std::thread client([&] {
        for (; !stop; tried++) {
            failed += !has_listener(a.path("br0.mgmt"));
        }
    });
    for (int i = 0; i < 200; i++) {
        EXPECT_TRUE(links.point_to_b({"br0"}));
        EXPECT_TRUE(links.point_to_a());
    }
    stop = true;
    client.join();
    EXPECT_GT(tried, 400u);
    EXPECT_EQ(failed, 0u);
}

TEST_F(MgmtLinksTest, ThoseWhoComeInAHoldAreLetInToTheSideThatIsActiveAfterIt) {
    for (const std::string side : {"B", "A"}) {
        ASSERT_TRUE(links.hold({"br0"}));
        EXPECT_THAT(a.run({"ovs-ofctl", "show", links.a_mgmt("br0")}), HasSubstr("00aa"));
        std::vector<std::future<std::string>> programs;
        for (int i = 0; i < 5; i++) {
            programs.push_back(std::async(std::launch::async, [&] { return reached(); }));
        }
        EXPECT_EQ(programs.front().wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
        ASSERT_TRUE(side == "A" ? links.point_to_a() : links.point_to_b({"br0"}));
        for (auto& program : programs) {
            EXPECT_EQ(program.get(), side);
        }
        EXPECT_EQ(reached(), side);
        EXPECT_TRUE(eventually([&] { return links.relay()->established() == 0; }));
    }
    EXPECT_THAT(files_of_ours(a), testing::IsEmpty());
}

TEST_F(MgmtLinksTest, MoreMayWaitThanTheSwitchHasInItsQueue) {
    ASSERT_TRUE(links.hold({"br0"}));
    std::vector<Fd> programs;
    for (int i = 0; i < 200; i++) {
        programs.push_back(send_raw(a.path("br0.mgmt"), ""));
    }
    ASSERT_TRUE(links.point_to_b({"br0"}));
    for (int i = 0; i < 50; i++) {   // those who come afterwards find room beside them
        auto later = connect_unix(a.path("br0.mgmt"));
        EXPECT_TRUE(later && *later) << i;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    for (const auto& program : programs) {
        pollfd poll = {program.get(), POLLIN, 0};
        ASSERT_EQ(::poll(&poll, 1, 5000), 1);
        uint8_t hello[8];
        EXPECT_EQ(::recv(program.get(), hello, sizeof hello, MSG_WAITALL), ssize_t{sizeof hello});
    }
    EXPECT_EQ(links.relay()->established(), programs.size());
}

TEST_F(MgmtLinksTest, StayDirectedToBWhenAEndsAndStartsAgain) {
    for (int signal : {SIGTERM, SIGKILL}) {
        ASSERT_TRUE(links.point_to_b({"br0"}));
        a.end("ovs-vswitchd.pid", signal);
        ASSERT_TRUE(eventually([&] { return has_listener(a.path("br0.mgmt")); }));
        EXPECT_EQ(reached(), "B");
        a.start();
        ASSERT_TRUE(eventually([&] { return has_listener(links.a_mgmt("br0")); }));
        EXPECT_EQ(reached(), "B");
        EXPECT_TRUE(eventually([&] {
            return a.try_run({"ovs-ofctl", "show", links.a_mgmt("br0")}).standard_output.find("00aa") != std::string::npos;
        }));
        ASSERT_TRUE(links.point_to_a());
        EXPECT_EQ(reached(), "A");
        EXPECT_THAT(files_of_ours(a), testing::IsEmpty());
    }
}

TEST_F(MgmtLinksTest, LeaveTheNameFreeForAsLongAsAStarts) {
    ASSERT_TRUE(links.point_to_b({"br0"}));
    links.a_starts(true);
    a.end("ovs-vswitchd.pid", SIGTERM);   // has unlinked it
    ASSERT_TRUE(links.point_to_b({"br0"}));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_FALSE(identify(a.path("br0.mgmt")));
    a.start();
    ASSERT_TRUE(eventually([&] { return has_listener(links.a_mgmt("br0")); }));
    EXPECT_EQ(reached(), "B");
    a.end("ovs-vswitchd.pid", SIGTERM);
    links.a_starts(false);
    ASSERT_TRUE(eventually([&] { return identify(a.path("br0.mgmt")).has_value(); }));
    EXPECT_EQ(reached(), "B");
    a.start();
    ASSERT_TRUE(eventually([&] { return has_listener(links.a_mgmt("br0")); }));
    ASSERT_TRUE(links.point_to_a());
}

TEST_F(MgmtLinksTest, RepairDirectsToAWhatADaemonThatIsGoneLeft) {
    {
        MgmtLinks gone(a.rundir(), b.rundir());
        ASSERT_TRUE(gone.point_to_b({"br0"}));
    }
    EXPECT_EQ(reached(), "B");
    auto repaired = MgmtLinks::repair(a.rundir());
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_EQ(reached(), "A");
    EXPECT_THAT(files_of_ours(a), testing::IsEmpty());
}

}  // namespace
}  // namespace hitless::control
