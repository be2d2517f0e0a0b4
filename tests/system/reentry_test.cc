// The secret by which a port knows its held packets when they come in once more.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <set>

#include "base/fd.h"
#include "datapath/b_namespace.h"
#include "datapath/bpf/steer.h"
#include "steering_fixture.h"

namespace hitless::test {
namespace {

class ReentryTest : public SteeringTest {
  protected:
    // Of the programs that are attached: the first of their constants. Root can read it.
    uint64_t secret() const {
        Fd constants(bpf_obj_get((bpf_->directory() + "/map_constants").c_str()));
        struct {
            uint64_t secret;
            uint32_t others[2];
        } values{};
        uint32_t key = 0;
        if (!constants || bpf_map_lookup_elem(constants.get(), &key, &values)) {
            throw std::runtime_error("constants of the programs: cannot be read");
        }
        return values.secret;
    }

    // From the wire into port p1: a frame of host 1 behind the header that a packet out of a hold has, with 'secret'.
    void send(uint64_t secret) {
        Fd ns = must(datapath::open_namespace(hosts_->path(1)));
        ASSERT_OK(datapath::in_namespace(ns.get(), [&]() -> Status {
            Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
            sockaddr_ll address = {};
            address.sll_family = AF_PACKET;
            address.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
            std::array<char, sizeof(steer_reentry_header) + 60> frame{};
            steer_reentry_header header = {};
            header.secret = secret;
            header.ethertype = htons(0x88b5);
            std::memcpy(frame.data(), &header, sizeof header);
            if (::sendto(fd.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
                return make_errno_error(errno, "frame");
            }
            return {};
        }));
    }

    datapath::PortCounters counters() const {
        for (const auto& member : steering_->bond().members) {
            if (member.port.name == "p1") {
                return member.counters;
            }
        }
        throw std::runtime_error("port p1: not in the bond");
    }
};

// With B active, all that comes in goes to B, but what was held for A.
TEST_P(ReentryTest, NoFrameFromTheWirePassesForOneThatWasHeld) {
    attach();
    ping_all();
    ASSERT_OK(toggle(Side::B));
    auto before = counters();
    for (uint64_t guess : {uint64_t{0}, ~uint64_t{0}, secret() ^ 1, secret() ^ (uint64_t{1} << 63), secret() << 1}) {
        send(guess);
    }
    auto guessed = counters();
    EXPECT_EQ(guessed.to_a, before.to_a);
    EXPECT_GE(guessed.to_b, before.to_b + 5);
    send(secret());   // the frame has the right form: the secret is all that was missing
    EXPECT_EQ(counters().to_a, before.to_a + 1);
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
}

TEST_P(ReentryTest, EachPairHasASecretOfItsOwn) {
    std::set<uint64_t> secrets{0};
    for (int i = 0; i < 3; i++) {
        steering_ = must(datapath::make_steering(options()));
        ASSERT_OK(steering_->attach(ports_));
        EXPECT_TRUE(secrets.insert(secret()).second);
        ASSERT_OK(steering_->detach_all());
        steering_.reset();
    }
}

INSTANTIATE_TEST_SUITE_P(Method, ReentryTest, ::testing::Values(TcMethod::automatic));

}  // namespace
}  // namespace hitless::test
