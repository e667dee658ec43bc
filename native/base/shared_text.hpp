#pragma once

#include <memory>
#include <string>
#include <utility>

namespace importlock {

/// Text that copies share, for what thousands of frames have in common.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)  // NOLINT(google-explicit-constructor): is written as a string is
      : text_(std::make_shared<const std::string>(std::move(text))) {}
  SharedText(const char* text) : SharedText(std::string(text)) {}  // NOLINT: as above

  [[nodiscard]] const std::string& str() const {
    static const std::string empty;
    return text_ ? *text_ : empty;
  }

  friend bool operator==(const SharedText& left, const SharedText& right) {
    return left.str() == right.str();
  }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace importlock
