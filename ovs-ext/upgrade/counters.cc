#include "upgrade/counters.h"

#include <fcntl.h>
#include <zlib.h>

#include <charconv>
#include <map>

#include "base/fd.h"
#include "base/private_directory.h"
#include "openflow/statistics.h"

namespace hitless::upgrade {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMegabyte = 1 << 20;

// A file that is being written; without complete() it is removed again.
class CompressedFile {
  public:
    static Result<CompressedFile> create(fs::path path) {
        std::error_code ignored;
        fs::remove(path, ignored);   // of a daemon that was killed at this
        Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!fd) {
            return make_errno_error(errno, "cannot make {}", path.string());
        }
        CompressedFile file;
        file.file_.reset(gzdopen(fd.get(), "wb1"));
        if (!file.file_) {
            return make_error("cannot write {}: no memory", path.string());
        }
        (void) fd.release();   // the stream's now
        file.path_ = std::move(path);
        return file;
    }
    CompressedFile(CompressedFile&&) = default;
    ~CompressedFile() {
        if (file_) {
            file_.reset();
            std::error_code ignored;
            fs::remove(path_, ignored);
        }
    }

    Status write(std::string_view text) {
        if (!text.empty() && gzwrite(file_.get(), text.data(), static_cast<unsigned>(text.size())) == 0) {
            return make_errno_error(errno, "cannot write {}", path_.string());
        }
        return {};
    }

    Status complete() {
        if (gzclose(file_.release()) != Z_OK) {
            int error = errno;
            std::error_code ignored;
            fs::remove(path_, ignored);
            return make_errno_error(error, "cannot write {}", path_.string());
        }
        return {};
    }

  private:
    CompressedFile() = default;
    struct Close {
        void operator()(gzFile file) const { (void) gzclose(file); }
    };
    fs::path path_;
    std::unique_ptr<gzFile_s, Close> file_;
};

// Counters are brought up to date by threads that look at all cached flows twice a second. Between two pauses, which begin only when
// such a round is over, there is a whole one. Versions without the commands have not counted the last half second.
void count_to_the_end(instance::Control& of) {
    for (int i = 0; i < 2; i++) {
        if (!of.call("revalidator/pause") || !of.call("revalidator/resume")) {
            return;
        }
    }
}

Status write_counters(instance::Control& of, CompressedFile& file) {
    for (const auto& bridge : of.bridges()) {
        TRY(file.write(fmt::format("[[bridge {}]]\n", bridge)));
        TRY(openflow::print_statistics(*TRY(of.openflow(bridge)), [&](std::string_view text) { return file.write(text); }));
    }
    return file.complete();
}

Result<std::string> write_file(Step& step, instance::Control& of, uint64_t operation) {
    const auto& settings = step.pair.settings;
    if (settings.counters_megabytes == 0) {
        return std::string();
    }
    auto directory = step.places.counters();
    TRY(make_private_directory(directory));
    auto path = directory / counters_file(operation, of.side());
    auto file = TRY(CompressedFile::create(path));
    TRY(write_counters(of, file));
    prune_counters(directory, operation > settings.history_max ? operation - settings.history_max + 1 : 0,
                   settings.counters_megabytes * kMegabyte);
    return path.string();
}

// The number of the operation whose counters 'name' has.
std::optional<uint64_t> operation_of(const std::string& name) {
    uint64_t number = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    bool named = error == std::errc() && (name == counters_file(number, Side::A) || name == counters_file(number, Side::B));
    return named ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string counters_file(uint64_t operation, Side side) {
    return fmt::format("{}-{}.txt.gz", operation, to_string(side));
}

void prune_counters(const fs::path& directory, uint64_t oldest, uintmax_t most_bytes) {
    std::error_code error;
    std::multimap<uint64_t, fs::path> files;
    uintmax_t bytes = 0;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        if (auto number = operation_of(at->path().filename())) {
            files.emplace(*number, at->path());
            auto size = at->file_size(error);
            bytes += error ? 0 : size;
        }
    }
    for (const auto& [number, path] : files) {
        if (number >= oldest && bytes <= most_bytes) {
            return;
        }
        auto size = fs::file_size(path, error);
        bytes -= error ? 0 : size;
        fs::remove(path, error);
    }
}

void keep_counters(Step& step, Side side) {
    auto& of = step.pair.control(side);
    uint64_t operation = 0;
    step.update([&](Summary& summary) { operation = summary.number; });
    count_to_the_end(of);
    auto file = write_file(step, of, operation);
    if (!file) {
        step.warn(fmt::format("the counters of {} are not kept: {}", to_string(side), file.error().message));
    }
    for (const auto& bridge : of.bridges()) {
        auto connection = of.openflow(bridge);
        auto totals = connection ? openflow::read_flow_totals(**connection) : connection.error();
        if (!totals) {
            step.warn(fmt::format("the totals of {} are not known: {}", to_string(side), totals.error().message));
            continue;
        }
        CountersRecord record{side, bridge, totals->flows, totals->packets, totals->bytes, file ? *file : ""};
        step.update([&](Summary& summary) { summary.counters.push_back(record); });
        (void) step.journal.counters({side, bridge, record.flows, record.packets, record.bytes, record.file}).ok();   // as for warnings
    }
}

}  // namespace hitless::upgrade
