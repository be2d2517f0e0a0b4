#include "datapath/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

namespace hitless::datapath {

namespace {

// linux/bpf.h of Linux 6.6; that of Debian 12 and libbpf 1.1 do not have them.
constexpr unsigned attach_tcx_ingress = 46, attach_tcx_egress = 47;

// The filters of all hooks have one handle and priority: there is at most one of ours on a hook.
constexpr unsigned filter_handle = 1, filter_priority = 1;

Result<Fd> make_link(int program, unsigned ifindex, unsigned attach_type, unsigned flags) {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.link_create.prog_fd = static_cast<unsigned>(program);
    attributes.link_create.target_ifindex = ifindex;
    attributes.link_create.attach_type = attach_type;
    attributes.link_create.flags = flags;
    Fd fd(static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes)));
    if (!fd) {
        return make_errno_error(errno, "cannot be attached");
    }
    return fd;
}

bpf_tc_hook tc_hook(const AttachmentPlace& place, bool both = false) {
    bpf_tc_hook hook = {};
    hook.sz = sizeof hook;
    hook.ifindex = static_cast<int>(place.ifindex);
    hook.attach_point = both ? static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS)
                        : place.hook == Hook::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    return hook;
}

std::string describe(const AttachmentPlace& place) {
    const char* hook = place.hook == Hook::xdp ? "XDP" : place.hook == Hook::ingress ? "tc ingress" : "tc egress";
    return "device " + place.device + ": " + hook + " program";
}

bool has_xdp(unsigned ifindex) {
    unsigned program = 0;
    return bpf_xdp_query_id(static_cast<int>(ifindex), 0, &program) == 0 && program;
}

int detach_filter(const AttachmentPlace& place) {
    bpf_tc_hook hook = tc_hook(place);
    bpf_tc_opts options = {};
    options.sz = sizeof options;
    options.handle = filter_handle;
    options.priority = filter_priority;
    return bpf_tc_detach(&hook, &options);
}

void destroy_qdisc(const AttachmentPlace& place) {
    bpf_tc_hook hook = tc_hook(place, true);
    bpf_tc_hook_destroy(&hook);
}

// The file beside 'pin' that stands for a clsact filter.
std::string filter_file(const std::string& pin, const AttachmentPlace& place, bool own_qdisc) {
    return fmt::format("{}/filter_{}_{}_{}", std::filesystem::path(pin).parent_path().string(), place.ifindex,
                       place.hook == Hook::ingress ? "ingress" : "egress", own_qdisc ? 1 : 0);
}

// libbpf prints kernel messages for what is tried on purpose (a clsact that exists).
struct QuietLibbpf {
    libbpf_print_fn_t old = libbpf_set_print(nullptr);
    ~QuietLibbpf() { libbpf_set_print(old); }
};

}  // namespace

Result<Attachment> Attachment::make(int program, const AttachmentPlace& place, TcMethod method, const std::string& pin) {
    Attachment result;
    if (place.hook == Hook::xdp || method == TcMethod::tcx) {
        // Generic XDP: native XDP of a veth cannot redirect to devices that have none.
        auto link = place.hook == Hook::xdp ? make_link(program, place.ifindex, BPF_XDP, XDP_FLAGS_SKB_MODE)
                    : make_link(program, place.ifindex,
                                place.hook == Hook::ingress ? attach_tcx_ingress : attach_tcx_egress, 0);
        if (!link.ok()) {
            bool taken = place.hook == Hook::xdp && has_xdp(place.ifindex);
            return make_error("{}: {}{}", describe(place), link.error().message,
                              taken ? fmt::format("; another XDP program must be taken off first: ip link set {} xdp off", place.device) : "");
        }
        result.place_ = place;
        result.link_ = std::move(*link);
        if (bpf_obj_pin(result.link_.get(), pin.c_str())) {
            return make_errno_error(errno, "{}: cannot be pinned at {}", describe(place), pin);
        }
        result.pin_ = pin;
        return result;
    }
    QuietLibbpf quiet;
    bpf_tc_hook hook = tc_hook(place);
    int error = bpf_tc_hook_create(&hook);
    if (error && error != -EEXIST) {
        return make_errno_error(-error, "{}: queueing discipline clsact", describe(place));
    }
    result.place_ = place;
    result.own_qdisc_ = !error;
    bpf_tc_opts options = {};
    options.sz = sizeof options;
    options.prog_fd = program;
    options.handle = filter_handle;
    options.priority = filter_priority;
    if (int failed = bpf_tc_attach(&hook, &options)) {
        return make_error("{}: cannot be attached: {}{}", describe(place), std::strerror(-failed),
                          result.own_qdisc_ ? "" : "; beside ingress policing (ingress_policing_rate), it needs Linux 6.6");
    }
    result.filter_ = true;
    if (!pin.empty()) {
        std::string file = filter_file(pin, place, result.own_qdisc_);
        if (bpf_obj_pin(program, file.c_str())) {
            return make_errno_error(errno, "{}: cannot be pinned at {}", describe(place), file);
        }
        result.pin_ = file;
    }
    return result;
}

Result<Attachment> Attachment::adopt(const AttachmentPlace& place, TcMethod method, const std::string& pin) {
    Attachment result;
    result.place_ = place;
    if (place.hook == Hook::xdp || method == TcMethod::tcx) {
        result.link_.reset(bpf_obj_get(pin.c_str()));
        if (!result.link_) {
            return make_errno_error(errno, "{}: nothing is pinned at {}", describe(place), pin);
        }
        result.pin_ = pin;
        return result;
    }
    if (pin.empty()) {
        bpf_tc_hook hook = tc_hook(place);
        bpf_tc_opts options = {};
        options.sz = sizeof options;
        options.handle = filter_handle;
        options.priority = filter_priority;
        QuietLibbpf quiet;
        if (int error = bpf_tc_query(&hook, &options)) {
            return make_errno_error(-error, "{}: there is none", describe(place));
        }
        result.filter_ = true;
        return result;
    }
    for (bool own_qdisc : {false, true}) {
        std::string file = filter_file(pin, place, own_qdisc);
        if (::access(file.c_str(), F_OK) == 0) {
            result.filter_ = true;
            result.own_qdisc_ = own_qdisc;
            result.pin_ = file;
            return result;
        }
    }
    return make_error("{}: there is none", describe(place));
}

Status Attachment::detach() {
    Status status;
    if (link_) {
        // Detach, not only close: the link has other references where somebody lists the links of the host. EOPNOTSUPP and
        // ENOLINK: the device is gone, and the program with it.
        bpf_link_detach(link_.get());
        link_.reset();
    }
    if (!pin_.empty()) {
        if (::unlink(pin_.c_str()) && errno != ENOENT) {
            status = make_errno_error(errno, "{}: cannot be unpinned from {}", describe(place_), pin_);
        }
        pin_.clear();
    }
    QuietLibbpf quiet;
    if (std::exchange(filter_, false)) {
        int error = detach_filter(place_);
        if (error && error != -ENODEV && error != -ENOENT) {
            status = make_errno_error(-error, "{}: cannot be taken off", describe(place_));
        }
    }
    if (std::exchange(own_qdisc_, false)) {
        destroy_qdisc(place_);
    }
    return status;
}

void Attachment::release() {
    link_.reset();
    pin_.clear();
    filter_ = own_qdisc_ = false;
}

void Attachment::swap(Attachment& other) noexcept {
    std::swap(place_, other.place_);
    std::swap(link_, other.link_);
    std::swap(pin_, other.pin_);
    std::swap(filter_, other.filter_);
    std::swap(own_qdisc_, other.own_qdisc_);
}

TcMethod best_tc_method(int tc_program) {
    // Every kernel has 'lo' as device 1. Without TCX the attach type is unknown: EINVAL.
    return make_link(tc_program, 1, attach_tcx_egress, 0).ok() ? TcMethod::tcx : TcMethod::clsact;
}

void detach_pinned(const std::string& path) {
    Fd fd(bpf_obj_get(path.c_str()));
    if (fd) {
        bpf_link_detach(fd.get());
    }
    ::unlink(path.c_str());
}

void remove_filter(const std::string& path) {
    unsigned ifindex = 0, own_qdisc = 0;
    char hook[16] = {};
    std::string name = std::filesystem::path(path).filename();
    if (std::sscanf(name.c_str(), "filter_%u_%15[a-z]_%u", &ifindex, hook, &own_qdisc) == 3) {
        QuietLibbpf quiet;
        AttachmentPlace place = {name, ifindex, std::string_view(hook) == "ingress" ? Hook::ingress : Hook::egress};
        detach_filter(place);
        if (own_qdisc) {
            destroy_qdisc(place);
        }
    }
    ::unlink(path.c_str());
}

}  // namespace hitless::datapath
