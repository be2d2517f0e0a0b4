#include "base/write_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

namespace hitless {
namespace {

Status write_all(int fd, const std::filesystem::path& file, const std::string& text) {
    for (size_t done = 0; done < text.size();) {
        ssize_t n = ::write(fd, text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR) {
            return make_errno_error(errno, "{}: cannot be written", file.string());
        }
        done += n > 0 ? static_cast<size_t>(n) : 0;
    }
    return {};
}

}  // namespace

Status write_file(const std::filesystem::path& file, const std::string& text) {
    const std::string temporary = file.string() + ".new";
    ::unlink(temporary.c_str());
    Fd out(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) {
        return make_errno_error(errno, "{}: cannot be made", temporary);
    }
    auto written = write_all(out.get(), temporary, text);
    if (written && ::rename(temporary.c_str(), file.c_str())) {
        written = make_errno_error(errno, "{}: cannot be written", file.string());
    }
    if (!written) {
        ::unlink(temporary.c_str());
    }
    return written;
}

}  // namespace hitless
