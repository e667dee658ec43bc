#include "target/memory.hpp"

namespace importlock {

std::vector<std::byte> Memory::bytes(Address address, std::size_t size) {
  std::vector<std::byte> result(size);
  read(address, result);
  return result;
}

}  // namespace importlock
