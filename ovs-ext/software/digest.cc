#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/fd.h"
#include "software/release.h"

namespace hitless::software {

Result<std::string> sha256_of(const std::filesystem::path& file) {
    Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return make_errno_error(errno, "{}", file.string());
    }
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (!context || !EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr)) {
        return make_error("OpenSSL offers no SHA-256");
    }
    std::array<char, 65536> buffer;
    ssize_t n;
    while ((n = ::read(fd.get(), buffer.data(), buffer.size())) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return make_errno_error(errno, "{}", file.string());
        }
        EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(n));
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned length = 0;
    EVP_DigestFinal_ex(context.get(), digest.data(), &length);
    return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + length, ""));
}

}  // namespace hitless::software
