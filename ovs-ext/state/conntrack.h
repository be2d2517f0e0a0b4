// The kind "conntrack": connections of the userspace connection tracker, with NAT, zone, ct_mark, ct_label and helper.
//
// dump() parses dpctl/dump-conntrack (conntrack_parser.h) into canonical entries (conntrack_value.h); load() flushes what must
// go and makes what is missing by packet-outs of synthetic packets through ct() (conntrack_recipe.h). Expects the instance to
// have one datapath: dpctl commands without a datapath's name mean it.
//
// TCP windows. An entry passes the connection's real packets with the window check enabled only if it was made with its real
// sequence numbers. Where SequenceLookup knows them they are used, and refresh() keeps them current; connections without are
// counted, and while there are any the target ignores windows (SequenceCheck::suspend).
//
// Costs in the source's main thread about 10 us a connection for a dump [measured], nothing for a load.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "state/conntrack_recipe.h"
#include "state/conntrack_settings.h"
#include "state/conntrack_value.h"
#include "state/kind.h"

namespace hitless::state {

struct ConntrackOptions {
    SequenceLookup sequences;                                   // may be empty
    TimeoutPolicy timeouts;                                     // of zones that are not in 'zone_timeouts'
    std::unordered_map<uint16_t, TimeoutPolicy> zone_timeouts;
};

class Conntrack : public Kind {
  public:
    Conntrack(ConntrackOptions options, std::shared_ptr<SequenceCheck> check)
        : options_(std::move(options)), check_(std::move(check)) {}

    std::string_view name() const override { return "conntrack"; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    Status refresh(instance::Control& to) override;
    std::string describe(const Entry& entry) const override;

    // TCP connections that 'side' has, as of its last dump() and what was loaded since, with sequence numbers that were not
    // learnt. When there are none left (dump() now and then finds out), SequenceCheck::resume() may be called.
    size_t connections_without_numbers(Side side) const;

  private:
    struct TcpCopy {
        Connection connection;
        std::optional<TcpNumbers> numbers;   // those it was made with; none: not learnt
    };

    // What is known of one instance's connections.
    struct Known {
        bool target = false;                                  // was loaded last: what follows up to 'fading' is kept
        Snapshot dumped;                                      // its last dump
        std::unordered_set<std::string> touched;              // keys loaded since
        std::vector<Connection> fading;                       // will expire soon, as of the last dump
        std::unordered_map<std::string, TcpCopy> tcp_copies;  // by key; those that still exist as of the last dump
    };

    Known& known(Side side) { return known_[side == Side::A ? 0 : 1]; }
    const Known& known(Side side) const { return known_[side == Side::A ? 0 : 1]; }

    const TimeoutPolicy& timeouts(uint16_t zone) const;
    void forget_ended(Known& side, const Snapshot& dumped);
    Status remove(instance::Control& to, const std::vector<Connection>& connections);
    Status create(instance::Control& to, std::vector<Connection> connections, std::vector<openflow::PacketOut> packets);
    Status move_windows(instance::Control& to);

    ConntrackOptions options_;
    std::shared_ptr<SequenceCheck> check_;
    Known known_[2];
};

}  // namespace hitless::state
