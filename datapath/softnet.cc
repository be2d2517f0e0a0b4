#include "datapath/softnet.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <thread>


namespace hitless::datapath {

namespace {

constexpr const char* softnet_stat = "/proc/net/softnet_stat";
constexpr size_t processed_column = 0, backlog_column = 11;

// Whether what was waiting at 'then' is processed by 'now'.
bool passed(const SoftnetCpu& then, const SoftnetCpu& now) {
    return now.backlog == 0 || static_cast<uint32_t>(now.processed - then.processed) > then.backlog;
}

}  // namespace

Result<std::vector<SoftnetCpu>> parse_softnet_stat(std::string_view text) {
    std::vector<SoftnetCpu> cpus;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        SoftnetCpu cpu;
        for (size_t column = 0; !line.empty(); column++) {
            uint64_t value = 0;
            auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
            if (error != std::errc()) {
                return make_error("{}: not understood: {}", softnet_stat, line);
            }
            line.remove_prefix(static_cast<size_t>(end - line.data()));
            line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
            if (column == processed_column) {
                cpu.processed = value;
            } else if (column == backlog_column) {
                cpu.backlog = value;
            }
        }
        cpus.push_back(cpu);
    }
    return cpus;
}

Result<Softnet> Softnet::open() {
    Fd file(::open(softnet_stat, O_RDONLY | O_CLOEXEC));
    if (!file) {
        return make_errno_error(errno, "{}", softnet_stat);
    }
    return Softnet(std::move(file));
}

Result<std::vector<SoftnetCpu>> Softnet::read() const {
    std::string text;
    char buffer[16384];
    ssize_t n;
    while ((n = ::pread(file_.get(), buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0) {
        text.append(buffer, static_cast<size_t>(n));
    }
    return parse_softnet_stat(text);
}

uint64_t Softnet::longest_queue() const {
    uint64_t longest = 0;
    if (auto cpus = read(); cpus.ok()) {
        for (const SoftnetCpu& cpu : *cpus) {
            longest = std::max(longest, cpu.backlog);
        }
    }
    return longest;
}

Status wait_for_softnet(std::chrono::microseconds limit) {
    Softnet softnet = TRY(Softnet::open());
    auto deadline = std::chrono::steady_clock::now() + limit;
    auto then = TRY(softnet.read());
    auto now = then;
    for (size_t cpu = 0; cpu < then.size();) {
        if (cpu < now.size() && !passed(then[cpu], now[cpu])) {
            if (std::chrono::steady_clock::now() > deadline) {
                return make_error("CPU {}: its queue of received packets is not processed after {} us", cpu, limit.count());
            }
            std::this_thread::yield();
            now = TRY(softnet.read());
            continue;
        }
        cpu++;
    }
    return wait_for_cpus();
}

Status wait_for_cpus() {
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) {
        return make_errno_error(errno, "membarrier");
    }
    return {};
}

}  // namespace hitless::datapath
