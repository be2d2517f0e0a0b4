// Result<T>: a value, or an Error an operator can act on.
//
// Every recoverable failure of this project is returned as an Error whose message names the object, the cause and, where there
// is one, the remedy: "port eth3: cannot attach XDP: Operation not supported". Exceptions are for bugs.
#pragma once

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace hitless {

struct Error {
    std::string message;
};

// "WHAT: MESSAGE", for a caller that knows more of the object than the callee did.
inline Error operator/(const std::string& what, const Error& cause) {
    return Error{what + ": " + cause.message};
}

template <typename... Args>
Error make_error(fmt::format_string<Args...> format, Args&&... args) {
    return Error{fmt::format(format, std::forward<Args>(args)...)};
}

// Appends ": " and the text of 'error_number' (an errno value) to the message.
template <typename... Args>
Error make_errno_error(int error_number, fmt::format_string<Args...> format, Args&&... args) {
    return Error{fmt::format(format, std::forward<Args>(args)...) + ": " + std::strerror(error_number)};
}

template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return content_.index() == 0; }
    explicit operator bool() const { return ok(); }

    // Only when ok().
    T& value() & { return std::get<0>(content_); }
    const T& value() const& { return std::get<0>(content_); }
    T&& value() && { return std::get<0>(std::move(content_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    // Only when not ok().
    const Error& error() const { return std::get<1>(content_); }

  private:
    std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    void value() const {}
    const Error& error() const { return *error_; }

  private:
    std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace hitless

// The value of EXPRESSION (a Result), or return from the calling function with its Error.
#define TRY(EXPRESSION)                                                     \
    ({                                                                      \
        auto&& result_ = (EXPRESSION);                                      \
        if (!result_.ok()) {                                                \
            return result_.error();                                         \
        }                                                                   \
        std::forward<decltype(result_)>(result_).value();                   \
    })
