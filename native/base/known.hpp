#pragma once

#include <optional>
#include <string>
#include <utility>

namespace importlock {

/// Why a value is missing; one clause, such as "symbol import_lock was not found".
struct Missing {
  std::string why;
};

/// A value read from the target, or why there is none. The target can lie or lack bytes, so what
/// is missing is carried to the report instead of being guessed.
template <typename T>
class Known {
 public:
  Known() : why_("not looked for") {}
  Known(T value) : value_(std::move(value)) {}              // NOLINT(google-explicit-constructor)
  Known(Missing missing) : why_(std::move(missing.why)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }
  /// Throws std::bad_optional_access where there is no value.
  [[nodiscard]] const T& value() const { return value_.value(); }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }
  [[nodiscard]] const std::optional<T>& optional() const { return value_; }
  /// Empty where there is a value.
  [[nodiscard]] const std::string& why() const { return why_; }

  friend bool operator==(const Known& a, const Known& b) { return a.value_ == b.value_; }

 private:
  std::optional<T> value_;
  std::string why_;
};

}  // namespace importlock
