#include "datapath/bpf_filesystem.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace hitless::datapath {

namespace {

bool is_bpf_filesystem(const std::string& directory) {
    struct statfs status;
    return ::statfs(directory.c_str(), &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

}  // namespace

Result<BpfFilesystem> BpfFilesystem::mount(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) && errno != EEXIST) {
        return make_errno_error(errno, "BPF file system {}: cannot make the directory", directory);
    }
    if (!is_bpf_filesystem(directory) &&
        ::mount("bpf", directory.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")) {
        return make_errno_error(errno, "BPF file system {}: cannot be mounted", directory);
    }
    return BpfFilesystem(directory);
}

BpfFilesystem::~BpfFilesystem() {
    if (!directory_.empty()) {
        static_cast<void>(unmount_bpf_filesystem(directory_).ok());
    }
}

Status unmount_bpf_filesystem(const std::string& directory) {
    if (is_bpf_filesystem(directory) && ::umount2(directory.c_str(), MNT_DETACH)) {
        return make_errno_error(errno, "BPF file system {}: cannot be unmounted", directory);
    }
    if (::rmdir(directory.c_str()) && errno != ENOENT) {
        return make_errno_error(errno, "BPF file system {}: cannot remove the directory", directory);
    }
    return {};
}

}  // namespace hitless::datapath
