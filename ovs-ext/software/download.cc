#include "software/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <thread>

#include "base/fd.h"

namespace hitless::software {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr long kSlowest = 100;   // bytes a second; with fewer, a connection counts as cut
constexpr long kNoRange = 416;   // RFC 9110, section 15.5.17

// "bytes 100-199/1000" (RFC 9110, section 14.4)
struct ContentRange {
    uint64_t first = 0, total = 0;
};

std::optional<ContentRange> parse_content_range(std::string_view text) {
    constexpr std::string_view unit = "bytes ";
    auto dash = text.find('-'), slash = text.find('/');
    if (!text.starts_with(unit) || dash == text.npos || slash == text.npos) {
        return std::nullopt;
    }
    ContentRange range;
    auto read = [&](size_t from, size_t to, uint64_t& number) {
        auto [end, error] = std::from_chars(text.data() + from, text.data() + to, number);
        return error == std::errc() && end == text.data() + to;
    };
    if (!read(unit.size(), dash, range.first) || !read(slash + 1, text.size(), range.total)) {
        return std::nullopt;
    }
    return range;
}

// Errors that another attempt may not meet.
bool transient(CURLcode code, long status) {
    switch (code) {
    case CURLE_HTTP_RETURNED_ERROR:
        return status >= 500 || status == 408 || status == 429 || status == kNoRange;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

// A file on its way, over as many connections as it takes.
class Transfer {
  public:
    Transfer(const std::string& url, Fd file, const DownloadLimits& limits, const Observer& observer)
        : url_(url), file_(std::move(file)), limits_(limits), observer_(observer), end_(Clock::now() + limits.time) {
        static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
        if (initialised == CURLE_OK) {
            curl_.reset(curl_easy_init());
        }
    }

    Status run() {
        if (!curl_) {
            return make_error("libcurl: cannot be initialised");
        }
        for (int fruitless = 0;;) {
            const uint64_t before = done_, fewest = static_cast<uint64_t>(kSlowest * limits_.stall.count());
            auto status = attempt();
            if (status || failure_ || !again_) {
                return failure_ ? Status(*failure_) : status;
            }
            fruitless = done_ >= before + fewest ? 0 : fruitless + 1;
            if (fruitless >= limits_.attempts) {
                return make_error("{}; tried {} times", status.error().message, fruitless);
            }
            TRY(pause());
        }
    }

  private:
    // One connection (and those of its redirects). Sets again_.
    Status attempt() {
        auto left = std::chrono::duration_cast<milliseconds>(end_ - Clock::now());
        if (left <= milliseconds(0)) {
            again_ = false;
            return make_error("no end after {} s, {} bytes came", limits_.time.count(), done_);
        }
        set_options(left);
        std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr, curl_slist_free_all);
        const std::string range = std::to_string(done_) + "-";
        if (done_) {
            curl_easy_setopt(curl_.get(), CURLOPT_RANGE, range.c_str());
            if (!validator_.empty()) {
                headers.reset(curl_slist_append(nullptr, ("If-Range: " + validator_).c_str()));
                curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers.get());
            }
        }
        asked_from_ = done_;
        body_began_ = false;
        CURLcode code = curl_easy_perform(curl_.get());
        long http = 0;
        curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &http);
        again_ = transient(code, http);
        if (failure_) {
            return *failure_;
        }
        if (http == kNoRange) {   // the file has become another
            TRY(start_over());
        }
        if (code == CURLE_HTTP_RETURNED_ERROR) {
            return make_error("HTTP status {}", http);
        }
        if (code == CURLE_OPERATION_TIMEDOUT && Clock::now() >= end_) {
            again_ = false;
            return make_error("no end after {} s, {} bytes came", limits_.time.count(), done_);
        }
        if (code != CURLE_OK) {
            return make_error("{}", *text_.data() ? text_.data() : curl_easy_strerror(code));
        }
        if (!body_began_ && !asked_from_) {
            return make_error("the file is empty");
        }
        if (total_ && done_ != total_) {
            again_ = true;
            return make_error("{} of {} bytes came", done_, total_);
        }
        return {};
    }

    void set_options(milliseconds left) {
        CURL* curl = curl_.get();
        curl_easy_reset(curl);
        text_[0] = 0;
        curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text_.data());
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "ovs-hitless");
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, url_.starts_with("https:") ? "https" : "https,http");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, static_cast<long>(limits_.redirects));
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(limits_.stall.count()));
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kSlowest);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits_.stall.count()));
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
        if (!limits_.authorities.empty()) {
            curl_easy_setopt(curl, CURLOPT_CAINFO, limits_.authorities.c_str());
            curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
        }
    }

    static size_t on_header(char* data, size_t, size_t n, void* transfer) {
        static_cast<Transfer*>(transfer)->header({data, n});
        return n;
    }
    static size_t on_body(char* data, size_t, size_t n, void* transfer_) {
        auto& transfer = *static_cast<Transfer*>(transfer_);
        auto status = transfer.body({data, n});
        if (!status) {
            transfer.failure_ = status.error();
        }
        return status ? n : 0;
    }
    static int on_progress(void* transfer_, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
        auto& transfer = *static_cast<Transfer*>(transfer_);
        auto status = transfer.observer_.ask();
        if (!status) {
            transfer.failure_ = status.error();
        }
        return status ? 0 : 1;
    }

    void header(std::string_view line) {
        while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
            line.remove_suffix(1);
        }
        auto value_of = [&](std::string_view name) -> std::optional<std::string_view> {
            if (line.size() <= name.size() || line[name.size()] != ':' || ::strncasecmp(line.data(), name.data(), name.size()) != 0) {
                return std::nullopt;
            }
            auto value = line.substr(name.size() + 1);
            value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
            return value;
        };
        if (line.starts_with("HTTP/")) {   // of the first response, or of one after a redirect
            range_.reset();
            etag_.clear();
            modified_.clear();
        } else if (auto range = value_of("Content-Range")) {
            range_ = parse_content_range(*range);
        } else if (auto etag = value_of("ETag"); etag && !etag->starts_with("W/")) {
            etag_ = *etag;
        } else if (auto modified = value_of("Last-Modified")) {
            modified_ = *modified;
        }
    }

    // At the first byte of a body: from where in the file it is, and how large that is.
    Status begin_body() {
        body_began_ = true;
        long http = 0;
        curl_off_t length = -1;
        curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &http);
        curl_easy_getinfo(curl_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (http == 206) {
            if (!range_ || range_->first != done_ || (total_ && range_->total != total_)) {
                return make_error("the server sends another part than it was asked for");
            }
            total_ = range_->total;
        } else {   // all of it, whether or not a part was asked for
            TRY(start_over());
            total_ = length > 0 ? static_cast<uint64_t>(length) : 0;
        }
        validator_ = !etag_.empty() ? etag_ : modified_;
        return check_size(total_);
    }

    Status body(std::string_view data) {
        if (!body_began_) {
            TRY(begin_body());
        }
        TRY(check_size(done_ + data.size()));
        while (!data.empty()) {
            ssize_t n = ::pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(done_));
            if (n < 0) {
                return make_errno_error(errno, "what came cannot be written");
            }
            data.remove_prefix(static_cast<size_t>(n));
            done_ += static_cast<uint64_t>(n);
        }
        if (observer_.progress) {
            observer_.progress(done_, total_);
        }
        return {};
    }

    Status check_size(uint64_t bytes) const {
        return bytes > limits_.bytes ? make_error("has more than {} bytes (other_config:download-megabytes)", limits_.bytes) : Status();
    }

    Status start_over() {
        done_ = total_ = 0;
        return ::ftruncate(file_.get(), 0) ? make_errno_error(errno, "what came cannot be written") : Status();
    }

    Status pause() const {
        for (auto until = Clock::now() + limits_.pause; Clock::now() < until;) {
            TRY(observer_.ask());
            std::this_thread::sleep_for(std::min(limits_.pause, milliseconds(100)));
        }
        return {};
    }

    std::string url_;
    Fd file_;
    DownloadLimits limits_;
    Observer observer_;
    Clock::time_point end_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_{nullptr, curl_easy_cleanup};
    std::array<char, CURL_ERROR_SIZE> text_{};
    uint64_t done_ = 0, total_ = 0;   // of the file; a total of 0 is unknown
    uint64_t asked_from_ = 0;
    std::string validator_;           // by which a server knows whether it still has the same file
    std::string etag_, modified_;     // of the present response, as the next
    std::optional<ContentRange> range_;
    bool body_began_ = false, again_ = false;
    std::optional<Error> failure_;    // ours, which ends it
};

}  // namespace

bool is_url(std::string_view text) {
    return text.starts_with("https://") || text.starts_with("http://");
}

Status download(const std::string& url, const std::filesystem::path& file, const DownloadLimits& limits, const Observer& observer) {
    auto host_end = url.find('/', url.find("//") + 2);
    if (url.substr(0, host_end).find('@') != url.npos) {
        return make_error("a URL with a user's name or password would stay in the history: give one without, or download the file "
                          "yourself");
    }
    Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) {
        return make_errno_error(errno, "{}: cannot be made", file.string());
    }
    auto status = Transfer(url, std::move(fd), limits, observer).run();
    return status ? status : url / status.error();
}

}  // namespace hitless::software
