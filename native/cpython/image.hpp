#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "elf/elf_file.hpp"
#include "target/target.hpp"

namespace importlock {

/// The mapped file that holds CPython: the executable itself, or a libpython that a program of any
/// name links or loads.
struct PythonImage {
  std::string path;  ///< as the target names it
  std::unique_ptr<ElfFile> file;
  LoadBias bias{};
  SymbolsByName exported;                         ///< those asked for
  std::unordered_set<std::string_view> imported;  ///< the same, from other files
  bool is_python3 = false;
};

/// Whether `file` holds an interpreter of CPython 2.7 or 3, by the names that it exports.
bool holds_python(const ElfFile& file);

/// Finds it among the target's mappings, with the addresses of the exported `names`, which must
/// outlive the result. Of several, the first that `is_initialised`. Throws TargetError where there
/// is none, or where its file cannot be had or is of another build.
PythonImage find_python_image(const Target& target, std::span<const std::string_view> names,
                              const std::function<bool(const PythonImage&)>& is_initialised);

}  // namespace importlock
