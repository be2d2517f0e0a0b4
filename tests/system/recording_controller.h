// For upgrade_controllers_test.cc: an OpenFlow controller that does little but write down who speaks to it, and when.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace hitless::test {

class RecordingController {
  public:
    using Clock = std::chrono::steady_clock;
    struct Session {
        uint64_t datapath_id = 0;   // 0: not told yet
        pid_t peer = 0;             // the process that connected
        Clock::time_point begun, identified, ended;
        bool open = true;
    };

    RecordingController(const std::string& address, uint16_t port) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        int one = 1;
        sockaddr_in local = {};
        local.sin_family = AF_INET;
        local.sin_port = htons(port);
        ::inet_pton(AF_INET, address.c_str(), &local.sin_addr);
        ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) || ::listen(listener_.get(), 16)) {
            throw std::runtime_error("controller: cannot listen at " + address);
        }
        thread_ = std::thread([this] { serve(); });
    }
    ~RecordingController() {
        stop_ = true;
        thread_.join();
    }

    std::vector<Session> sessions() const {
        std::lock_guard lock(mutex_);
        return sessions_;
    }
    size_t open_sessions() const {
        size_t count = 0;
        for (const auto& session : sessions()) {
            count += session.open && session.datapath_id;
        }
        return count;
    }
    // The most sessions of one datapath id at one time.
    size_t most_speakers() const {
        auto all = sessions();
        size_t most = 0;
        for (const auto& at : all) {
            size_t now = 0;
            for (const auto& other : all) {
                now += at.datapath_id && other.datapath_id == at.datapath_id && other.begun <= at.begun &&
                       (other.open || other.ended > at.begun);
            }
            most = std::max(most, now);
        }
        return most;
    }

  private:
    void serve() {
        std::vector<Fd> peers;   // by session
        while (!stop_) {
            std::vector<pollfd> fds;
            for (const auto& peer : peers) {
                fds.push_back({peer.get(), POLLIN, 0});
            }
            fds.push_back({listener_.get(), POLLIN, 0});
            ::poll(fds.data(), fds.size(), 50);
            for (size_t i = 0; i < peers.size(); i++) {   // before new ones: an end that came first is seen first
                if (fds[i].revents && peers[i] && !answer(peers[i], i)) {
                    peers[i].reset();
                    std::lock_guard lock(mutex_);
                    sessions_[i].open = false;
                    sessions_[i].ended = Clock::now();
                }
            }
            if (fds.back().revents) {
                accept(peers);
            }
        }
    }

    void accept(std::vector<Fd>& peers) {
        sockaddr_in from = {};
        socklen_t size = sizeof from;
        Fd peer(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
        if (!peer) {
            return;
        }
        Session session;
        session.begun = Clock::now();
        session.peer = owner(ntohs(from.sin_port));
        std::lock_guard lock(mutex_);
        sessions_.push_back(session);
        // HELLO of OpenFlow 1.3, FEATURES_REQUEST, and a BARRIER_REQUEST by which the switch knows that it is admitted.
        const unsigned char greeting[] = {4, 0, 0, 8, 0, 0, 0, 1, 4, 5, 0, 8, 0, 0, 0, 2, 4, 20, 0, 8, 0, 0, 0, 3};
        (void) !::write(peer.get(), greeting, sizeof greeting);
        peers.push_back(std::move(peer));
    }

    static bool read_all(int fd, unsigned char* to, size_t size) {
        return !size || ::recv(fd, to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
    }

    // One message. False at the end of the session.
    bool answer(const Fd& peer, size_t index) {
        unsigned char message[65536];
        if (!read_all(peer.get(), message, 8)) {
            return false;
        }
        size_t length = message[2] << 8 | message[3];
        if (length < 8 || !read_all(peer.get(), message + 8, length - 8)) {
            return false;
        }
        if (message[1] == 2) {   // ECHO_REQUEST
            message[1] = 3;
            (void) !::write(peer.get(), message, length);
        } else if (message[1] == 6) {   // FEATURES_REPLY
            std::lock_guard lock(mutex_);
            for (int i = 8; i < 16; i++) {
                sessions_[index].datapath_id = sessions_[index].datapath_id << 8 | message[i];
            }
            sessions_[index].identified = Clock::now();
        }
        return true;
    }

    // The process whose TCP socket has this local port.
    static pid_t owner(uint16_t port) {
        std::ifstream table("/proc/net/tcp");
        std::string line, inode, wanted;
        char suffix[8];
        std::snprintf(suffix, sizeof suffix, ":%04X", port);
        while (std::getline(table, line)) {
            std::istringstream fields(line);
            std::string number, local, word;
            fields >> number >> local;
            for (int i = 0; i < 7; i++) {
                fields >> word;
            }
            fields >> inode;
            if (local.ends_with(suffix)) {
                wanted = "socket:[" + inode + "]";
                break;
            }
        }
        std::error_code error;
        for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
            pid_t pid = std::atoi(process.path().filename().c_str());
            if (!pid) {
                continue;
            }
            for (const auto& fd : std::filesystem::directory_iterator(process.path() / "fd", error)) {
                if (std::filesystem::read_symlink(fd.path(), error) == wanted) {
                    return pid;
                }
            }
        }
        return 0;
    }

    Fd listener_;
    mutable std::mutex mutex_;
    std::vector<Session> sessions_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

}  // namespace hitless::test
