#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

extern char** environ;

namespace hitless {
namespace {

using Clock = std::chrono::steady_clock;

int pidfd_open(pid_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return make_errno_error(errno, "{}", path);
    }
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> split_nul(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, '\0');) {
        parts.push_back(part);
    }
    return parts;
}

struct Child {
    pid_t pid = -1;
    Fd input, output, error;   // our ends of pipes at its standard input, output and error
};

struct Pipe {
    Fd read, write;
};

Result<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC)) {
        return make_errno_error(errno, "no pipe");
    }
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// The environment that a program is to get: "NAME=VALUE" each.
std::vector<std::string> environment_for(const ProgramOptions& options) {
    auto variables = options.environment;
    for (char** variable = environ; *variable && !options.only_this_environment; variable++) {
        std::string text(*variable);
        auto equals = text.find('=');
        if (equals != std::string::npos) {
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    std::vector<std::string> texts;
    for (const auto& [name, value] : variables) {
        texts.push_back(name + "=" + value);
    }
    return texts;
}

// For a C interface that takes char* const[] and changes nothing; valid as long as 'texts'.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const auto& text : texts) {
        pointers.push_back(const_cast<char*>(text.c_str()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

Result<Child> spawn(const std::vector<std::string>& argv, const ProgramOptions& options) {
    auto in = TRY(make_pipe()), out = TRY(make_pipe()), err = TRY(make_pipe());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
    // Not all that libopenvswitch opens is close-on-exec. A switch that we start must not keep our sockets, log and pidfile open:
    // looking through its files (pidfd_getfd) and closing a duplicate of the pidfile would even drop our lock on it.
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    // A session of its own: a terminal's or service's signals to us are not for a switch that we started.
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);

    auto environment = environment_for(options);
    pid_t pid = -1;
    int result = ::posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes, pointers_to(argv).data(),
                                pointers_to(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (result) {
        return make_errno_error(result, "{}: cannot be started", argv[0]);
    }
    return Child{pid, std::move(in.write), std::move(out.read), std::move(err.read)};
}

// Of a process, or of one thread of ours (0: the calling one).
Result<Scheduling> scheduling_of(pid_t pid) {
    Scheduling scheduling;
    errno = 0;
    scheduling.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(pid));
    cpu_set_t cpus;
    if (errno || ::sched_getaffinity(pid, sizeof cpus, &cpus)) {
        return make_errno_error(errno, "process {}: niceness and CPUs", pid);
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(static_cast<size_t>(cpu), &cpus)) {
            scheduling.cpus.push_back(cpu);
        }
    }
    return scheduling;
}

// For the calling thread, and what it spawns. Asks for nothing that is so already: that needs no privilege.
Status change_scheduling(const Scheduling& wanted) {
    Scheduling now = TRY(scheduling_of(0));
    if (wanted.nice != now.nice && ::setpriority(PRIO_PROCESS, 0, wanted.nice)) {   // in Linux of the thread alone
        return make_errno_error(errno, "niceness {}", wanted.nice);
    }
    if (wanted.cpus.empty() || wanted.cpus == now.cpus) {
        return {};
    }
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (int cpu : wanted.cpus) {
        CPU_SET(static_cast<size_t>(cpu), &cpus);
    }
    if (::sched_setaffinity(0, sizeof cpus, &cpus)) {
        return make_errno_error(errno, "CPUs");
    }
    return {};
}

Status enter_network_namespace(const std::string& path) {
    Fd ns(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!ns) {
        return make_errno_error(errno, "network namespace {}", path);
    }
    if (::setns(ns.get(), CLONE_NEWNET)) {
        return make_errno_error(errno, "network namespace {}: cannot enter", path);
    }
    return {};
}

// A thread changes for good to what the program is to be like, and what it spawns inherits it; the caller's thread stays as it is.
Result<Child> spawn_changed(const std::vector<std::string>& argv, const ProgramOptions& options) {
    Result<Child> child = make_error("{}: not started", argv[0]);
    std::thread([&] {
        Status changed = options.network_namespace ? enter_network_namespace(*options.network_namespace) : Status();
        if (changed && options.scheduling) {
            changed = change_scheduling(*options.scheduling);
        }
        child = changed ? spawn(argv, options) : Result<Child>((argv[0] + ": cannot be started") / changed.error());
    }).join();
    return child;
}

void kill_and_reap(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

// Feeds 'input' to the child and reads what it writes until both its outputs are closed.
Status exchange(Child& child, const std::string& program, const ProgramOptions& options,
                ProgramOutput& output, Clock::time_point deadline) {
    size_t written = 0;
    ::fcntl(child.input.get(), F_SETFL, O_NONBLOCK);
    if (options.standard_input.empty()) {
        child.input.reset();
    }
    while (child.output || child.error) {
        pollfd fds[3] = {{child.output.get(), POLLIN, 0},
                         {child.error.get(), POLLIN, 0},
                         {child.input.get(), POLLOUT, 0}};
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) {
            return make_error("{}: no end after {} ms; killed", program, options.limit.count());
        }
        ::poll(fds, 3, static_cast<int>(left.count()));
        for (auto [fd, revents, text] : {std::tuple{&child.output, fds[0].revents, &output.standard_output},
                                         std::tuple{&child.error, fds[1].revents, &output.standard_error}}) {
            if (!*fd || !revents) {
                continue;
            }
            char buffer[65536];
            ssize_t n = ::read(fd->get(), buffer, sizeof buffer);
            if (n > 0) {
                text->append(buffer, static_cast<size_t>(n));
                if (text->size() > options.output_limit_bytes) {
                    return make_error("{}: wrote more than {} bytes; killed", program, options.output_limit_bytes);
                }
            } else if (n == 0 || errno != EINTR) {
                fd->reset();
            }
        }
        if (child.input && fds[2].revents) {
            ssize_t n = ::write(child.input.get(), options.standard_input.data() + written,
                                options.standard_input.size() - written);
            written += n > 0 ? static_cast<size_t>(n) : 0;
            if ((n < 0 && errno != EAGAIN && errno != EINTR) || written == options.standard_input.size()) {
                child.input.reset();
            }
        }
    }
    return {};
}

}  // namespace

Result<ProgramOutput> run_program(const std::vector<std::string>& argv,
                                  const ProgramOptions& options) {
    auto deadline = Clock::now() + options.limit;
    Child child = TRY(options.network_namespace || options.scheduling ? spawn_changed(argv, options) : spawn(argv, options));
    ProgramOutput output;
    if (auto status = exchange(child, argv[0], options, output, deadline); !status) {
        kill_and_reap(child.pid);
        return status.error();
    }
    // Outputs closed: a daemon's parent, or any program, ends about now.
    int wait_status = 0;
    while (::waitpid(child.pid, &wait_status, WNOHANG) == 0) {
        if (Clock::now() > deadline) {
            kill_and_reap(child.pid);
            return make_error("{}: no end after {} ms; killed", argv[0], options.limit.count());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    output.exit_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    return output;
}

Result<std::string> run_checked(const std::vector<std::string>& argv,
                                const ProgramOptions& options) {
    ProgramOutput output = TRY(run_program(argv, options));
    if (output.exit_status) {
        std::string said = output.standard_error.empty() ? output.standard_output : output.standard_error;
        while (!said.empty() && said.back() == '\n') {
            said.pop_back();
        }
        return make_error("{}: exit status {}: {}", argv[0], output.exit_status, said);
    }
    return std::move(output.standard_output);
}

Result<Process> Process::open(pid_t pid) {
    Fd fd(pidfd_open(pid));
    if (!fd) {
        return make_errno_error(errno, "process {}", pid);
    }
    return Process(pid, std::move(fd));
}

Result<Process> Process::from_pidfile(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return make_errno_error(errno, "pidfile {}", path);
    }
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(file.get(), F_GETLK, &lock)) {
        return make_errno_error(errno, "pidfile {}", path);
    }
    if (lock.l_type == F_UNLCK) {
        return make_error("pidfile {}: stale: no running process holds it", path);
    }
    return open(lock.l_pid);
}

Result<bool> Process::end_by_pidfile(const std::string& path) {
    auto process = from_pidfile(path);
    if (!process) {
        return false;
    }
    TRY(process->signal(SIGKILL));
    TRY(process->wait_end(std::chrono::seconds(5)));
    return true;
}

bool Process::alive() const {
    pollfd fd = {pidfd_.get(), POLLIN, 0};
    return pidfd_ && ::poll(&fd, 1, 0) == 0;
}

Status Process::signal(int number) const {
    if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0)) {
        return make_errno_error(errno, "process {}: signal {}", pid_, number);
    }
    return {};
}

Status Process::wait_end(std::chrono::milliseconds limit) const {
    pollfd fd = {pidfd_.get(), POLLIN, 0};
    if (::poll(&fd, 1, static_cast<int>(limit.count())) <= 0) {
        return make_error("process {}: did not end within {} ms", pid_, limit.count());
    }
    ::waitpid(pid_, nullptr, WNOHANG);   // only does something where it is our child
    return {};
}

namespace {

// What comes after the name in /proc/PID/stat: "PID (COMM) STATE ...", where COMM may hold anything. Empty of one that has ended.
std::string stat_after_name(pid_t pid) {
    auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    auto end = stat ? stat->rfind(')') : std::string::npos;
    return end != std::string::npos && end + 2 < stat->size() ? stat->substr(end + 2) : "";
}

}  // namespace

bool Process::stopped() const {
    return stat_after_name(pid_).starts_with('T');
}

Result<std::chrono::milliseconds> Process::age() const {
    std::istringstream fields(stat_after_name(pid_));
    std::string before;
    for (int i = 0; i < 19; i++) {   // the start is the twentieth: field 22 of all
        fields >> before;
    }
    int64_t start = 0;   // clock ticks since the boot
    timespec now = {};
    if (!(fields >> start) || ::clock_gettime(CLOCK_BOOTTIME, &now)) {
        return make_error("process {}: has ended", pid_);
    }
    return std::chrono::milliseconds(int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000 - start * 1000 / ::sysconf(_SC_CLK_TCK));
}

Result<size_t> Process::resident_bytes() const {
    std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
    size_t size = 0, resident = 0;   // pages
    if (!(statm >> size >> resident)) {
        return make_error("process {}: has ended", pid_);
    }
    return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

Result<std::string> Process::executable() const {
    char path[4096];
    ssize_t n = ::readlink(("/proc/" + std::to_string(pid_) + "/exe").c_str(), path, sizeof path);
    if (n < 0) {
        return make_errno_error(errno, "process {}: executable", pid_);
    }
    std::string text(path, static_cast<size_t>(n));
    constexpr std::string_view deleted = " (deleted)";
    if (text.ends_with(deleted)) {
        text.resize(text.size() - deleted.size());
    }
    return text;
}

Result<std::vector<std::string>> Process::command_line() const {
    return split_nul(TRY(read_file("/proc/" + std::to_string(pid_) + "/cmdline")));
}

Result<std::map<std::string, std::string>> Process::environment() const {
    std::map<std::string, std::string> variables;
    for (const auto& text : split_nul(TRY(read_file("/proc/" + std::to_string(pid_) + "/environ")))) {
        auto equals = text.find('=');
        if (equals != std::string::npos) {
            variables[text.substr(0, equals)] = text.substr(equals + 1);
        }
    }
    return variables;
}

Result<uid_t> Process::user() const {
    std::istringstream lines(TRY(read_file("/proc/" + std::to_string(pid_) + "/status")));
    for (std::string word; lines >> word;) {
        if (uid_t real, effective, saved, of_files; word == "Uid:" && lines >> real >> effective >> saved >> of_files) {
            return std::max({real, effective, saved, of_files});
        }
    }
    return make_error("process {}: has no user", pid_);
}

Result<ino_t> Process::network_namespace() const {
    struct stat status;
    if (::stat(("/proc/" + std::to_string(pid_) + "/ns/net").c_str(), &status)) {
        return make_errno_error(errno, "process {}: network namespace", pid_);
    }
    return status.st_ino;
}

Result<Scheduling> Process::scheduling() const { return scheduling_of(pid_); }

Status Process::set_nice(int nice) const {
    std::error_code error;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", error)) {
        auto id = static_cast<id_t>(std::stoul(thread.path().filename().string()));
        if (::setpriority(PRIO_PROCESS, id, nice) && errno != ESRCH) {   // a thread may end
            return make_errno_error(errno, "process {}: niceness {}", pid_, nice);
        }
    }
    return error ? make_error("process {}: has ended", pid_) : Status();
}

}  // namespace hitless
