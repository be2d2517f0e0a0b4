// Work in another network namespace, without moving the calling thread.
#pragma once

#include <string>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "base/result.h"

namespace hitless::datapath {

Result<Fd> open_namespace(const std::string& path);
Status enter_namespace(int fd);   // the calling thread, for good

// Runs 'work' (returning a Status or a Result) in a thread that enters the namespace of 'fd' first; returns what it returns.
template <typename Work>
auto in_namespace(int fd, Work&& work) -> decltype(work()) {
    decltype(work()) result = Error{};
    std::thread([&] {
        auto entered = enter_namespace(fd);
        if (entered.ok()) {
            result = work();
        } else {
            result = entered.error();
        }
    }).join();
    return result;
}

// A network namespace with a name in the file system, as "ip netns add" makes it; removed at the end of the object's life.
class NamedNamespace {
  public:
    // Makes it, bound to 'path' (a file in a directory that exists), with lo up and IPv6 disabled: the standby must not answer
    // or solicit by itself on the legs of the operator's ports. Error when 'path' exists.
    static Result<NamedNamespace> create(const std::string& path);
    // Takes over one that exists, e.g. of an earlier process.
    static Result<NamedNamespace> adopt(const std::string& path);

    NamedNamespace(NamedNamespace&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    NamedNamespace& operator=(NamedNamespace&& other) noexcept {
        std::swap(path_, other.path_);
        return *this;
    }
    ~NamedNamespace();

    const std::string& path() const { return path_; }
    // The namespace stays when this object ends.
    std::string release() { return std::exchange(path_, {}); }

  private:
    explicit NamedNamespace(std::string path) : path_(std::move(path)) {}
    std::string path_;   // empty: owns none
};

// Removes the name; the namespace itself ends with its last process and socket. No error when there is none.
Status remove_named_namespace(const std::string& path);

}  // namespace hitless::datapath
