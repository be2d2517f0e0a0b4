#include "software/signature.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "base/process.h"
#include "software/trust.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> keyring_files(const fs::path& keyrings) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(keyrings, error)) {
        if (entry.path().extension() == ".gpg") {
            TRY(check_trusted(entry.path()));
            files.push_back(entry.path());
        }
    }
    if (files.empty()) {
        return make_error("its signature cannot be checked: {} has no keyring: gpg --export KEY > {}/NAME.gpg makes a key known",
                          keyrings.string(), keyrings.string());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

Status judge_signature(std::string_view gpgv_status, const fs::path& keyrings) {
    bool good = false;
    std::string unknown;
    std::istringstream lines{std::string(gpgv_status)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string prefix, keyword, key;
        words >> prefix >> keyword >> key;
        if (prefix != "[GNUPG:]") {
            continue;
        }
        // Of each signature exactly one of these is told.
        if (keyword == "GOODSIG") {
            good = true;
        } else if (keyword == "BADSIG") {
            return make_error("refused: its signature by key {} is of another file, or damaged", key);
        } else if (keyword == "EXPKEYSIG") {
            unknown = "key " + key + " has expired";
        } else if (keyword == "REVKEYSIG") {
            unknown = "key " + key + " was revoked";
        } else if (keyword == "EXPSIG") {
            unknown = "the signature by key " + key + " has expired";
        } else if (keyword == "ERRSIG") {
            unknown = "key " + key + " is in no keyring in " + keyrings.string();
        }
    }
    if (good) {
        return {};
    }
    return unknown.empty() ? make_error("refused: its signature is none") : make_error("refused: {}", unknown);
}

Status check_signature(const fs::path& file, const fs::path& signature, const fs::path& keyrings) {
    // No configuration, and no keyring, but those that are named.
    std::vector<std::string> argv = {"gpgv", "--homedir", keyrings.string(), "--status-fd", "1"};
    for (const auto& keyring : TRY(keyring_files(keyrings))) {
        argv.insert(argv.end(), {"--keyring", keyring.string()});
    }
    argv.insert(argv.end(), {"--", signature.string(), file.string()});
    auto output = TRY(run_program(argv));
    return judge_signature(output.standard_output, keyrings);
}

}  // namespace hitless::software
