#include "base/write_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/private_directory.h"

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
    const Fd directory = TRY(open_own_directory(file.parent_path()));
    const std::string name = file.filename(), temporary = name + ".new";
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    Fd out(::openat(directory.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) {
        return make_errno_error(errno, "{}.new: cannot be made", file.string());
    }
    auto written = write_all(out.get(), file, text);
    if (written && ::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str())) {
        written = make_errno_error(errno, "{}: cannot be written", file.string());
    }
    if (!written) {
        ::unlinkat(directory.get(), temporary.c_str(), 0);
    }
    return written;
}

}  // namespace hitless
