#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "base/address.hpp"

namespace importlock {

/// The root of what this library throws. `what()` is one line that says what was wrong and, where
/// the user can act, what to do next. Only the doors (gdb module, command line) catch it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Memory of the target that could not be read whole.
class FaultError : public Error {
 public:
  FaultError(Address address, std::size_t size);
  [[nodiscard]] Address address() const { return address_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  Address address_;
  std::size_t size_;
};

/// A file that could not be opened or read.
class FileError : public Error {
 public:
  FileError(const std::string& path, int error_number);
  [[nodiscard]] int error_number() const { return error_number_; }
  /// Whether there is no such file. Any other error says nothing of whether there is one.
  [[nodiscard]] bool none() const { return is_none(error_number_); }
  [[nodiscard]] static bool is_none(int error_number);
  /// Whether what failed was this program or machine, which lacks memory or descriptors.
  [[nodiscard]] bool shortage() const { return is_shortage(error_number_); }
  [[nodiscard]] static bool is_shortage(int error_number);

 private:
  int error_number_;
};

/// Bytes, of a file or of the target, that are not what they claim to be.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// More to read than a sound target has: what is damaged or hostile must cost neither time nor
/// memory without end.
class LimitError : public Error {
 public:
  using Error::Error;
};

/// A target that cannot be analysed at all: no CPython in it, another architecture, gone.
class TargetError : public Error {
 public:
  using Error::Error;
};

}  // namespace importlock
