// The kind "conntrack": connections of the userspace connection tracker, with NAT, zone, ct_mark, ct_label and helper.
//
// dump() reads dpctl/dump-conntrack (connection_reader.h, conntrack_parser.h) into canonical entries (conntrack_value.h); load()
// flushes what must go and makes what is missing by packet-outs of synthetic packets through ct() (conntrack_recipe.h). Expects
// the instance to have one datapath: dpctl commands without a datapath's name mean it.
//
// TCP windows. An entry passes the connection's real packets with the window check enabled only if it was made with its real
// sequence numbers. Where SequenceLookup knows them they are used, and refresh() keeps them current; connections without are
// counted, and while there are any the target ignores windows (SequenceCheck::suspend). settle() ends that once the target is
// the active instance.
//
// Timeouts. An entry that is made has the full timeout of its state, by the policy of its zone (which is configuration). So it never ends
// earlier than it would have, but up to that timeout later. docs/architecture.md tells why no other is set.
//
// Translations. Up to version 3.1 a connection that has expired keeps its translated address and port until the tracker sweeps, every
// 20 s, and no command ends it earlier but one that ends all of its zone: until then no other connection can be made with them, nor
// the same one again, which the instance that was active meanwhile still has.
//
// In the hold, all connections are read once more only if packets have passed that may have changed them (PassedLookup): then the
// connections whose numbers have moved are the only ones that need anything.
//
// Costs in the source's main thread about 10 us a connection for a dump [measured], nothing for a load.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "state/conntrack_recipe.h"
#include "state/conntrack_settings.h"
#include "state/conntrack_value.h"
#include "state/connection_reader.h"
#include "state/kind.h"
#include "state/tcp_copies.h"

namespace hitless::state {

struct ConntrackOptions {
    SequenceLookup sequences = {};                              // may be empty; called by any thread
    // Since a time before the last dump of the instance that is left; asked when packets wait. Empty, or an Error: that is not known.
    PassedLookup passed = {};
    TimeoutPolicy timeouts = {};                                // of zones that are not in 'zone_timeouts'
    std::unordered_map<uint16_t, TimeoutPolicy> zone_timeouts = {};
    ConnectionReader::Hints zones = {};                         // may be empty
    // Of an earlier copy between the same instances; none: there was none.
    std::shared_ptr<TcpCopies> copies = {};
};

class Conntrack : public Kind {
  public:
    Conntrack(ConntrackOptions options, std::shared_ptr<SequenceCheck> check);

    std::string_view name() const override { return "conntrack"; }
    Result<Snapshot> dump(instance::Control& from) override;
    // While packets wait, 'last' is what it is if nothing has passed since that may have changed it.
    Result<Snapshot> changed_since(instance::Control& from, Snapshot last) override;
    Status load(instance::Control& to, const Changes& changes) override;
    Status refresh(instance::Control& to) override;
    bool harmless_missing(const Entry& missing) const override;
    std::chrono::seconds refused_for(const Entry& entry) const override;
    std::string describe(const Entry& entry) const override;
    // Prepares for what is asked of it when packets wait.
    Status arm(instance::Control& from, instance::Control& to, const Snapshot& source, Snapshot& target) override;
    void packets_wait() override;

    // TCP connections that 'side' has, as of its last dump() and what was loaded since, with sequence numbers that were not
    // learnt, so that the instance does not check windows for their sake.
    size_t connections_without_numbers(Side side) const { return copies_->unknown(side); }
    std::vector<Connection> list_without_numbers(Side side) const { return copies_->list_unknown(side); }

    // Of the connections that the last dump of the source had, what cannot be loaded.
    struct Uncarried {
        size_t helpers = 0;              // have a helper ("ftp", "tftp"): what it has announced
        size_t related = 0;              // were announced by another: to which they belong
        std::set<std::string> unknown;   // words of a later version than this program knows
    };
    const Uncarried& uncarried() const { return uncarried_; }

    // With the active instance, now and then: moves the windows of connections whose numbers have been learnt meanwhile, and has
    // the windows checked again when there are no others left. 'look' asks the instance which of them have ended: a
    // request for each of their zones.
    Status settle(instance::Control& active, bool look);

    // With an instance that is active again after another had its packets, and that has the connections that it had, 'has', or some
    // of them: moves their windows to where those packets have brought them.
    Status readmit(instance::Control& active, const Snapshot& has);

    const std::shared_ptr<TcpCopies>& copies() const { return copies_; }

  private:
    // What is known of one instance's connections.
    struct Known {
        bool target = false;                                  // was loaded last: what follows is kept
        Snapshot dumped;                                      // its last dump
        std::unordered_set<std::string> touched;              // keys loaded since
        std::vector<Connection> fading;                       // will expire soon, as of the last dump
    };

    using LearnedNumbers = std::unordered_map<std::string, TcpNumbers>;   // by key_of()

    Known& known(Side side) { return known_[side == Side::A ? 0 : 1]; }

    const TimeoutPolicy& timeouts(uint16_t zone) const;
    Known& begin_target(Side side);
    // Empties 'packets'.
    static Status send(instance::Control& to, std::vector<openflow::PacketOut>& packets);
    Status remove(instance::Control& to, const std::vector<Connection>& connections);
    Status create(instance::Control& to, std::vector<Connection> connections, std::vector<openflow::PacketOut> packets);
    Status keep_alive(instance::Control& to);
    LearnedNumbers find_moved(Side side) const;
    LearnedNumbers find_moved(Side side, Passed passed) const;
    void add_moved(LearnedNumbers& moved, const std::string& key, const TcpCopy& copy, const SequenceLookup& lookup) const;
    std::vector<Connection> append_moves(Side side, std::vector<openflow::PacketOut>& packets);
    Status send_unchecked(instance::Control& to, std::vector<openflow::PacketOut>& packets);
    Status move_windows(instance::Control& to);

    ConntrackOptions options_;
    ConnectionReader reader_;
    std::shared_ptr<SequenceCheck> check_;
    std::shared_ptr<TcpCopies> copies_;
    Uncarried uncarried_;
    Known known_[2];
    bool unchanged_ = false;              // packets wait, and nothing has changed since the last dump of the source
    std::future<LearnedNumbers> moved_;   // of the target, as find_moved() finds them; none outside of a hold
    // The target's TCP connections when it was armed, by the tuples of both directions; sorted.
    std::vector<std::pair<Tuple, std::string>> directions_;   // key_of()
};

}  // namespace hitless::state
