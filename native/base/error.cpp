#include "base/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace importlock {

FaultError::FaultError(Address address, std::size_t size)
    : Error(fmt::format("cannot read {} bytes of the target at {}", size, to_hex(address))),
      address_(address),
      size_(size) {}

FileError::FileError(const std::string& path, int error_number)
    : Error(fmt::format("{}: {}", path, std::generic_category().message(error_number))),
      error_number_(error_number) {}

bool FileError::is_none(int error_number) {
  // ESRCH is a file of /proc whose process or thread has ended since it was opened.
  return error_number == ENOENT || error_number == ENOTDIR || error_number == ESRCH;
}

bool FileError::is_shortage(int error_number) {
  return error_number == ENOMEM || error_number == EMFILE || error_number == ENFILE;
}

}  // namespace importlock
