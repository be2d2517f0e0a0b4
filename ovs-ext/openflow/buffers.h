// Ownership of libopenvswitch's buffers, for the .cc files of this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "openflow/connection.h"

struct ofpbuf;
struct ds;

namespace hitless::openflow {

struct DeleteBuffer {
    void operator()(ofpbuf* buffer) const;
};
using Buffer = std::unique_ptr<ofpbuf, DeleteBuffer>;

// Copies of an encoded message, whose length field is set first. 'buffer' is freed.
Message to_message(ofpbuf* buffer);
// With transaction id 0: the form in which snapshots keep messages.
std::string to_bytes(ofpbuf* buffer);

inline Message to_message(std::string_view bytes) { return Message(bytes.begin(), bytes.end()); }
inline std::string_view to_view(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What ovs-ofctl would print of an OpenFlow message, in one line.
std::string to_text(std::string_view message);

// A string that libopenvswitch writes to.
class Text {
  public:
    Text();
    ~Text();
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;

    ds* get() { return ds_.get(); }
    // The content with runs of white space, line ends included, made one space.
    std::string one_line() const;

  private:
    std::unique_ptr<ds> ds_;
};

}  // namespace hitless::openflow
