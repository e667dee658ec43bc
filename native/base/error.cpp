#include "base/error.hpp"

#include <fmt/format.h>

#include <system_error>

namespace importlock {

FaultError::FaultError(Address address, std::size_t size)
    : Error(fmt::format("cannot read {} bytes of the target at {}", size, to_hex(address))),
      address_(address),
      size_(size) {}

FileError::FileError(const std::string& path, int error_number)
    : Error(fmt::format("{}: {}", path, std::generic_category().message(error_number))),
      error_number_(error_number) {}

}  // namespace importlock
