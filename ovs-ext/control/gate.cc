#include "control/gate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "gate.skel.h"

namespace hitless::control {
namespace {

constexpr const char* pin_names[] = {"gate-connect4", "gate-connect6"};

struct LinkDestroy {
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkDestroy>;

std::string pin_path(const std::string& directory, const char* name) {
    return directory + "/" + name;
}

// Removes the pin, and with the last reference the attachment.
Status unpin(const std::string& path) {
    if (::unlink(path.c_str()) && errno != ENOENT) {
        return make_errno_error(errno, "controller gate: pin {} cannot be removed", path);
    }
    return {};
}

// Pins 'link' at 'path' in place of an older one, which stays attached until then.
Status pin(bpf_link* link, const std::string& path) {
    std::string temporary = path + "-new";   // bpffs allows no dots in names
    TRY(unpin(temporary));
    if (int error = bpf_link__pin(link, temporary.c_str())) {
        return make_errno_error(-error, "controller gate: cannot be pinned at {}; is a BPF file system there?", temporary);
    }
    if (::rename(temporary.c_str(), path.c_str())) {
        return make_errno_error(errno, "controller gate: pin {}", path);
    }
    return {};
}

}  // namespace

struct Gate::Programs {
    ~Programs() {
        for (auto& link : links) {
            link.reset();
        }
        gate_bpf::destroy(skeleton);
    }
    gate_bpf* skeleton = nullptr;
    Link links[2];
    std::string pin_directory;
};

Gate::Gate(std::unique_ptr<Programs> programs) : programs_(std::move(programs)) {}
Gate::Gate(Gate&&) noexcept = default;
Gate& Gate::operator=(Gate&&) noexcept = default;
Gate::~Gate() = default;

Result<Gate> Gate::close(const Options& options) {
    auto root = TRY(cgroup2_root());
    auto cookie = TRY(netns_cookie(options.network_namespace));
    auto programs = std::make_unique<Programs>();
    programs->skeleton = gate_bpf::open(nullptr);
    if (!programs->skeleton) {
        return make_errno_error(errno, "controller gate: BPF programs cannot be opened");
    }
    auto* settings = programs->skeleton->rodata;
    settings->netns_cookie = cookie;
    settings->port4 = options.dummy_port4;
    settings->port6 = options.dummy_port6;
    if (int error = gate_bpf::load(programs->skeleton)) {
        return make_errno_error(-error, "controller gate: BPF programs cannot be loaded");
    }
    Fd cgroup(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroup) {
        return make_errno_error(errno, "cgroup {}", root);
    }
    bpf_program* const connects[] = {programs->skeleton->progs.gate_connect4, programs->skeleton->progs.gate_connect6};
    for (int i = 0; i < 2; i++) {
        programs->links[i].reset(bpf_program__attach_cgroup(connects[i], cgroup.get()));
        if (!programs->links[i]) {
            return make_errno_error(errno, "controller gate: cannot be attached to cgroup {}", root);
        }
    }
    if (!options.pin_directory.empty()) {
        std::error_code error;
        std::filesystem::create_directories(options.pin_directory, error);
        if (error) {
            return make_error("controller gate: directory {}: {}", options.pin_directory, error.message());
        }
        programs->pin_directory = options.pin_directory;
        for (int i = 0; i < 2; i++) {
            TRY(pin(programs->links[i].get(), pin_path(options.pin_directory, pin_names[i])));
        }
    }
    return Gate(std::move(programs));
}

Status Gate::lift() {
    Status status;
    if (programs_ && !programs_->pin_directory.empty()) {
        status = lift_pinned(programs_->pin_directory);
    }
    programs_.reset();
    return status;
}

uint64_t Gate::diverted() const {
    return programs_ ? __atomic_load_n(&programs_->skeleton->bss->diverted, __ATOMIC_RELAXED) : 0;
}

Status Gate::lift_pinned(const std::string& pin_directory) {
    Status status;
    for (const char* name : pin_names) {
        for (const char* suffix : {"", "-new"}) {
            if (auto removed = unpin(pin_path(pin_directory, name) + suffix); !removed) {
                status = removed;
            }
        }
    }
    ::rmdir(pin_directory.c_str());   // stays where something else is in it
    return status;
}

Result<size_t> end_tcp_sessions(pid_t pid) {
    auto process = TRY(Process::open(pid));
    std::error_code error;
    size_t ended = 0;
    for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), error)) {
        int number = std::atoi(entry.path().filename().c_str());
        Fd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.pidfd(), number, 0)));
        int protocol = 0;
        socklen_t size = sizeof protocol;
        sockaddr_storage peer;
        socklen_t peer_size = sizeof peer;
        if (fd && !::getsockopt(fd.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) && protocol == IPPROTO_TCP &&
            !::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size) &&
            !::shutdown(fd.get(), SHUT_RDWR)) {
            ended++;
        }
    }
    if (error) {
        return make_error("process {}: its sockets cannot be listed: {}", pid, error.message());
    }
    return ended;
}

Result<std::string> cgroup2_root(const std::string& mounts) {
    std::ifstream file(mounts);
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string device, directory, type;
        if (fields >> device >> directory >> type && type == "cgroup2") {
            return directory;
        }
    }
    return make_error("{}: no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 none DIRECTORY", mounts);
}

}  // namespace hitless::control
