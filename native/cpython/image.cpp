#include "cpython/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/error.hpp"
#include "target/image_file.hpp"

namespace importlock {

namespace {

// PyString_Type is Python 2's alone, PyBytes_Type (as a symbol) Python 3's.
constexpr std::string_view python2_mark = "PyString_Type";
constexpr std::string_view python3_mark = "PyBytes_Type";
constexpr std::string_view frame_mark = "PyFrame_Type";
// Include/pycapsule.h: new in 2.7.
constexpr std::string_view since_27_mark = "PyCapsule_Type";

/// Paths in the order in which an interpreter is likely: the executable, names with "python", rest.
std::vector<std::string> candidate_paths(const Target& target) {
  std::vector<std::string> paths;
  std::unordered_set<std::string_view> seen;
  for (const auto& mapping : target.mappings) {
    if (seen.insert(mapping.path).second) paths.push_back(mapping.path);
  }
  const auto rank = [&](const std::string& path) {
    if (path == target.info.executable) return 0;
    // A folder's name says less: modules in lib/python2.7 are many.
    const auto name = std::string_view(path).substr(path.rfind('/') + 1);
    return name.find("python") != name.npos ? 1 : 2;
  };
  std::ranges::stable_sort(paths, {}, rank);
  return paths;
}

ElfFile::Symbols exported_symbols(const ElfFile& file, std::span<const std::string_view> names) {
  auto found = file.symbols(ElfFile::Table::dynsym, names);
  // A program that is linked statically and exports nothing still has them in its symbol table.
  if (!found.defined.contains(python2_mark) && !found.defined.contains(python3_mark)) {
    found.defined = file.symbols(ElfFile::Table::symtab, names).defined;
  }
  return found;
}

}  // namespace

bool holds_python(const ElfFile& file) {
  constexpr std::array wanted{python2_mark, python3_mark, frame_mark, since_27_mark};
  const auto found = exported_symbols(file, wanted).defined;
  return (found.contains(python2_mark) || found.contains(python3_mark)) &&
         found.contains(frame_mark) && found.contains(since_27_mark);
}

PythonImage find_python_image(const Target& target, std::span<const std::string_view> names,
                              const std::function<bool(const PythonImage&)>& is_initialised) {
  std::vector<std::string_view> wanted(names.begin(), names.end());
  wanted.insert(wanted.end(), {python2_mark, python3_mark, frame_mark, since_27_mark});
  std::string unreadable;
  std::optional<PythonImage> idle;
  for (const auto& path : candidate_paths(target)) {
    auto opened = open_image(target, path);
    if (!opened.file) {
      // The library, where there is one, is what the user has to give.
      const bool library = path.find("libpython") != std::string::npos;
      const bool likely = path == target.info.executable || path.find("python") != path.npos;
      if (!opened.why_not.empty() && likely && (unreadable.empty() || library)) {
        unreadable = opened.why_not;
      }
      continue;
    }
    auto symbols = exported_symbols(*opened.file, wanted);
    PythonImage image{path,
                      std::move(opened.file),
                      opened.bias,
                      std::move(symbols.defined),
                      std::move(symbols.undefined),
                      false};
    if (!image.exported.contains(frame_mark)) continue;
    image.is_python3 = !image.exported.contains(python2_mark);
    if (image.is_python3 && !image.exported.contains(python3_mark)) continue;
    if (!image.exported.contains(since_27_mark)) {
      throw TargetError(
          fmt::format("the target runs CPython {} ({}); py-importlock reads 2.7 and 3",
                      image.is_python3 ? "3.0" : "2.6 or older", path));
    }
    if (architecture_of_machine(image.file->machine()) != target.architecture) {
      throw TargetError(fmt::format("{} is no program for {}, the architecture of the target",
                                    image.file->path(), name_of(target.architecture)));
    }
    if (is_initialised(image)) return image;
    if (!idle) idle = std::move(image);
  }
  if (!unreadable.empty()) {
    throw TargetError(fmt::format("the target's interpreter cannot be read: {}{}{}", unreadable,
                                  target.files.how_to_give.empty() ? "" : "; give it with ",
                                  target.files.how_to_give));
  }
  if (idle) return std::move(*idle);
  throw TargetError(
      fmt::format("no CPython in the target: {} and the {} files it maps hold none",
                  target.info.executable.empty() ? "the executable" : target.info.executable,
                  target.mappings.size()));
}

}  // namespace importlock
