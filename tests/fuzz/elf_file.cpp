// An ELF file and its separate debug file: four bytes that say how long the former is, then both.

#include "elf/elf_file.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "cpython/image.hpp"
#include "cpython/static_variables.hpp"
#include "elf/debug_file.hpp"
#include "memory_file.hpp"

namespace importlock {

namespace {

void read_program(const ElfFile& file) {
  constexpr std::array<std::string_view, 3> names{"import_lock", "PyString_Type", "main"};
  for (const auto table : {ElfFile::Table::dynsym, ElfFile::Table::symtab}) {
    const auto found = file.symbols(table, names);
    for (const auto& [name, symbols] : found.defined) {
      for (const auto& symbol : symbols) {
        (void)file.holds_variable(symbol.address, symbol.size);
        (void)file.initial_value(symbol.address, 8);
      }
    }
  }
  (void)file.debug_link();
  (void)file.mapped_files();
  holds_python(file);
  variables_by_symbols(file, file);
  variables_by_code(file);
}

}  // namespace

}  // namespace importlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace importlock;
  auto input = std::as_bytes(std::span(data, size));
  const auto length = load<std::uint32_t>(input, 0);
  if (!length) return 0;
  input = input.subspan(sizeof *length);
  const MemoryFile program(input.first(std::min<std::size_t>(*length, input.size())));
  const MemoryFile debug(input.subspan(std::min<std::size_t>(*length, input.size())));
  try {
    const auto file = ElfFile::open(program.path());
    read_program(file);
    std::vector<std::string> refused;
    const std::vector<std::string> loaded{debug.path()};
    if (const auto found = find_debug_file(file, {}, loaded, refused)) {
      variables_by_symbols(file, *found);
    }
  } catch (const Error&) {
    // Damage that was noticed.
  }
  return 0;
}
