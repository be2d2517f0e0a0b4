// For upgrade_busy_test.cc: an OpenFlow 1.3 controller that adds, changes and removes groups and flows all the time, as fast as the
// switch acknowledges them (OFPT_BARRIER_REPLY), and knows what has been.
//
// Rule n is a group n and a flow with cookie n that goes to it. It is made, ten rules later its group gets a second bucket, and
// a hundred rules later both are removed.
//
// When the switch connects again the controller rests until go_on(), so that what it knows can be compared with what there is.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace hitless::test {

class BusyController {
  public:
    // Of a rule: how many buckets its group has; 0: there is none.
    using Rules = std::map<uint32_t, unsigned>;
    struct Known {
        Rules acknowledged;
        std::set<uint32_t> uncertain;   // whose last change has not been
        uint64_t changes = 0;           // acknowledged
    };

    explicit BusyController(uint16_t port) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        int one = 1;
        sockaddr_in local = {};
        local.sin_family = AF_INET;
        local.sin_port = htons(port);
        local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) || ::listen(listener_.get(), 1)) {
            throw std::runtime_error("controller: cannot listen");
        }
        thread_ = std::thread([this] { serve(); });
    }
    ~BusyController() {
        stop_ = true;
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }

    // Begins, or goes on, with what was not acknowledged first.
    void go_on() { resting_ = false; }
    // The session in which it has rested or still works, counted from 1; 0: none yet.
    unsigned session() const { return session_; }
    bool resting() const { return resting_; }
    Known known() const {
        std::lock_guard lock(mutex_);
        return known_;
    }

  private:
    using Bytes = std::vector<uint8_t>;
    static constexpr uint32_t change_after = 10, remove_after = 100;

    static void put(Bytes& to, uint64_t value, int size) {
        while (size--) {
            to.push_back(static_cast<uint8_t>(value >> size * 8));
        }
    }
    // A message of 'type' (OpenFlow 1.3.5 section A) with 'body'.
    static void append(Bytes& to, uint8_t type, const Bytes& body) {
        put(to, 4, 1);
        put(to, type, 1);
        put(to, 8 + body.size(), 2);
        put(to, type, 4);
        to.insert(to.end(), body.begin(), body.end());
    }
    static void append_group_mod(Bytes& to, uint16_t command, uint32_t group, unsigned buckets) {
        Bytes body;
        put(body, command, 2);
        put(body, 0, 2);   // OFPGT_ALL
        put(body, group, 4);
        while (buckets--) {
            put(body, 16, 2);
            put(body, 0, 2);
            put(body, UINT64_MAX, 8);   // neither a watch port nor a watch group
            put(body, 0, 4);
        }
        append(to, 15, body);
    }
    static void append_flow_add(Bytes& to, uint32_t rule) {
        Bytes body;
        put(body, rule, 8);   // cookie
        put(body, 0, 8);
        put(body, 0, 6);      // table, command, timeouts
        put(body, 100, 2);    // priority
        put(body, UINT32_MAX, 4);
        put(body, UINT64_MAX, 8);
        put(body, 0, 4);
        put(body, 1 << 16 | 18, 4);              // OXM match of 4 + 14 bytes: EtherType and IPv4 destination
        put(body, 0x80000a02, 4);
        put(body, 0x0800, 2);
        put(body, 0x80001804, 4);
        put(body, 10 << 24 | rule, 4);
        put(body, 0, 6);                         // to a multiple of 8
        put(body, 4 << 16 | 16, 4);              // apply actions
        put(body, 0, 4);
        put(body, 22 << 16 | 8, 4);              // group
        put(body, rule, 4);
        append(to, 14, body);
    }

    // What comes next, as messages, and in 'pending_'.
    Bytes next_changes() {
        uint32_t rule = ++last_;
        pending_ = {{rule, 1}};
        if (rule > change_after) {
            pending_[rule - change_after] = 2;
        }
        if (rule > remove_after) {
            pending_[rule - remove_after] = 0;
        }
        return messages_for(pending_);
    }
    static Bytes messages_for(const Rules& rules) {
        Bytes messages;
        for (auto [rule, buckets] : rules) {
            if (buckets == 1) {
                append_group_mod(messages, 0, rule, 1);
                append_flow_add(messages, rule);
            } else {
                append_group_mod(messages, buckets ? 1 : 2, rule, buckets);   // with a group goes its flow
            }
        }
        append(messages, 20, {});   // OFPT_BARRIER_REQUEST
        return messages;
    }

    void serve() {
        while (!stop_) {
            Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer) {
                continue;
            }
            resting_ = true;
            Bytes hello;
            append(hello, 0, {});
            if (!write(peer, hello)) {
                continue;
            }
            session_++;
            talk(peer);
        }
    }

    void talk(const Fd& peer) {
        bool asked = false, repeat = true;
        while (!stop_) {
            if (!asked && !resting_) {
                Bytes messages = repeat ? messages_for(pending_) : next_changes();
                repeat = false;
                publish(false);
                if (!write(peer, messages)) {
                    return;
                }
                asked = true;
            }
            pollfd fd{peer.get(), POLLIN, 0};
            if (::poll(&fd, 1, 20) <= 0) {
                continue;
            }
            uint8_t header[8];
            if (!read(peer, header, 8)) {
                return;
            }
            Bytes body((header[2] << 8 | header[3]) - 8);
            if (!read(peer, body.data(), body.size())) {
                return;
            }
            if (header[1] == 2) {   // OFPT_ECHO_REQUEST
                Bytes reply;
                append(reply, 3, body);
                if (!write(peer, reply)) {
                    return;
                }
            } else if (header[1] == 21) {   // OFPT_BARRIER_REPLY
                publish(true);
                asked = false;
            }
        }
    }

    void publish(bool acknowledged) {
        std::lock_guard lock(mutex_);
        known_.uncertain.clear();
        for (auto [rule, buckets] : pending_) {
            if (acknowledged) {
                known_.acknowledged[rule] = buckets;
                known_.changes++;
            } else {
                known_.uncertain.insert(rule);
            }
        }
        if (acknowledged) {
            pending_.clear();
        }
    }

    static bool read(const Fd& from, uint8_t* to, size_t size) {
        return !size || ::recv(from.get(), to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
    }
    static bool write(const Fd& to, const Bytes& bytes) {
        return ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
    }

    Fd listener_;
    std::atomic<bool> stop_ = false, resting_ = true;
    std::atomic<unsigned> session_ = 0;
    uint32_t last_ = 0;
    Rules pending_;
    mutable std::mutex mutex_;
    Known known_;
    std::thread thread_;
};

}  // namespace hitless::test
