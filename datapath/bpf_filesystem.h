// A BPF file system of our own, where programs are pinned: works with or without /sys/fs/bpf, and its end is the end of all pins.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace hitless::datapath {

class BpfFilesystem {
  public:
    // Mounts one at 'directory', which is made if it is missing (its parent must exist). One that is mounted there already
    // (by an earlier process) is taken over as it is.
    static Result<BpfFilesystem> mount(const std::string& directory);

    BpfFilesystem(BpfFilesystem&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}
    BpfFilesystem& operator=(BpfFilesystem&& other) noexcept {
        std::swap(directory_, other.directory_);
        return *this;
    }
    ~BpfFilesystem();   // unmounts, which unpins all, and removes the directory

    const std::string& directory() const { return directory_; }
    // It stays mounted when this object ends.
    std::string release() { return std::exchange(directory_, {}); }

  private:
    explicit BpfFilesystem(std::string directory) : directory_(std::move(directory)) {}
    std::string directory_;   // empty: owns none
};

// No error when there is none.
Status unmount_bpf_filesystem(const std::string& directory);

}  // namespace hitless::datapath
