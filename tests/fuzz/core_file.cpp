// A core file and its notes, and what capture() makes of them.

#include <cstdint>

#include "base/error.hpp"
#include "cpython/capture.hpp"
#include "memory_file.hpp"
#include "target/core_target.hpp"
#include "target/image_file.hpp"
#include "target/lost_memory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace importlock;
  const MemoryFile core(std::as_bytes(std::span(data, size)));
  try {
    const LostMemory lost(core.path());
    (void)lost.touches(Address{0x400000}, size);
    auto target = core_target(core.path(), {});
    for (const auto& mapping : target.mappings) {
      build_id_in_memory(*target.memory, mapping.start);
    }
    // What the core names on this machine is no part of the input.
    target.files.roots = {"/proc/self/fd/no-such-root"};
    capture(target);
  } catch (const Error&) {
    // Damage that was noticed.
  }
  return 0;
}
