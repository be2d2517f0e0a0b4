// One BPF program on one hook of one network device.
#pragma once

#include <string>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "datapath/steering.h"

namespace hitless::datapath {

enum class Hook { xdp, ingress, egress };

struct AttachmentPlace {
    std::string device;
    unsigned ifindex = 0;       // in the namespace of the calling thread
    Hook hook = Hook::xdp;
};

// Taken off when the object ends, unless release() was called. A link is pinned, so that it survives this process.
class Attachment {
  public:
    // Puts 'program' (an fd) on 'place'. 'pin': the path at which the link is pinned. A clsact filter stays by itself; there a
    // file beside it says what remove_filter() needs, unless 'pin' is empty. 'method' must not be automatic.
    static Result<Attachment> make(int program, const AttachmentPlace& place, TcMethod method, const std::string& pin);

    // Takes over what a process that is gone has put there by make(). Error when there is nothing of it.
    static Result<Attachment> adopt(const AttachmentPlace& place, TcMethod method, const std::string& pin);

    Attachment(Attachment&& other) noexcept { swap(other); }
    Attachment& operator=(Attachment&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Attachment() { static_cast<void>(detach().ok()); }

    // Takes the program off: no packet enters it any more when this returns. To be called in the namespace of the device
    // (only clsact needs that).
    Status detach();
    void release();

  private:
    Attachment() = default;
    void swap(Attachment& other) noexcept;

    AttachmentPlace place_;
    Fd link_;                   // XDP and TCX
    std::string pin_;           // of the link, or the file of the filter; empty: none
    bool filter_ = false;       // clsact
    bool own_qdisc_ = false;    // the clsact queueing discipline was not there before
};

// TCX where the kernel has it.
TcMethod best_tc_method(int tc_program);

// Detaches the link that is pinned at 'path', and unpins it. Whatever else is pinned is only unpinned.
void detach_pinned(const std::string& path);

// Takes off the clsact filter that the file 'path' stands for (left by a process that is gone), and removes the file. No error
// when either is gone.
void remove_filter(const std::string& path);

}  // namespace hitless::datapath
