#include "cpython27/interpreter.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <unordered_set>

#include "base/error.hpp"
#include "elf/debug_file.hpp"

namespace importlock {

namespace {

constexpr std::array<std::string_view, 5> static_names{
    "import_lock", "import_lock_thread", "import_lock_level", "interp_head", "interpreter_lock"};

struct TypeName {
  std::string_view symbol;
  Address TypeObjects::*member;
};
constexpr std::array<TypeName, 18> type_names{{
    {"PyType_Type", &TypeObjects::type},
    {"PyClass_Type", &TypeObjects::class_object},
    {"PyInstance_Type", &TypeObjects::instance},
    {"PyCode_Type", &TypeObjects::code},
    {"PyFrame_Type", &TypeObjects::frame},
    {"PyString_Type", &TypeObjects::string},
    {"PyUnicode_Type", &TypeObjects::unicode},
    {"PyDict_Type", &TypeObjects::dict},
    {"PyInt_Type", &TypeObjects::integer},
    {"PyBool_Type", &TypeObjects::boolean},
    {"PyLong_Type", &TypeObjects::long_integer},
    {"PyFunction_Type", &TypeObjects::function},
    {"PyMethod_Type", &TypeObjects::method},
    {"PyCFunction_Type", &TypeObjects::c_function},
    {"PyModule_Type", &TypeObjects::module},
    {"PyTuple_Type", &TypeObjects::tuple},
    {"PyList_Type", &TypeObjects::list},
    {"PyCell_Type", &TypeObjects::cell},
}};

// PyString_Type is Python 2's alone, PyBytes_Type (as a symbol) Python 3's.
constexpr std::string_view python2_mark = "PyString_Type";
constexpr std::string_view python3_mark = "PyBytes_Type";
constexpr std::string_view current_thread_state = "_PyThreadState_Current";
// Exported by a pydebug build only (Include/object.h, Py_TRACE_REFS).
constexpr std::string_view pydebug_mark = "_Py_PrintReferences";
// Include/unicodeobject.h renames each function after the width of Py_UNICODE.
constexpr std::string_view ucs2_mark = "PyUnicodeUCS2_FromString";

std::vector<std::string_view> exported_names() {
  std::vector<std::string_view> names{python3_mark, current_thread_state, pydebug_mark, ucs2_mark};
  for (const auto& name : type_names) names.push_back(name.symbol);
  return names;
}

bool is_regular(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

/// The file that the target calls `path`, opened on this machine.
std::unique_ptr<ElfFile> open_image(const Target& target, const std::string& path) {
  for (const auto& root : target.files.roots) {
    if (is_regular(root + path)) return std::make_unique<ElfFile>(ElfFile::open(root + path));
  }
  throw FileError(path, ENOENT);
}

/// Paths in the order in which an interpreter is likely: the executable, names with "python", rest.
std::vector<std::string> candidate_paths(const Target& target) {
  std::vector<std::string> paths;
  std::unordered_set<std::string_view> seen;
  for (const auto& mapping : target.mappings) {
    if (seen.insert(mapping.path).second) paths.push_back(mapping.path);
  }
  const auto rank = [&](const std::string& path) {
    if (path == target.info.executable) return 0;
    return path.find("python") != std::string::npos ? 1 : 2;
  };
  std::ranges::stable_sort(paths, {}, rank);
  return paths;
}

/// The build id that the target's own memory shows for an image, where its notes are there.
std::optional<std::string> build_id_in_memory(Memory& memory, const ElfFile& file, LoadBias bias) {
  for (const auto& notes : file.note_segments()) {
    constexpr std::uint64_t largest = 65536;
    try {
      const auto bytes = memory.bytes(bias + notes.address, std::min(notes.memory_size, largest));
      if (auto id = build_id_in_notes(bytes)) return id;
    } catch (const FaultError&) {
      // A core may leave the page out; then nothing contradicts the file.
    }
  }
  return std::nullopt;
}

struct Candidate {
  std::string path;
  std::unique_ptr<ElfFile> file;
  LoadBias bias;
  SymbolsByName exported;
};

SymbolsByName exported_symbols(const ElfFile& file, std::span<const std::string_view> names) {
  auto found = file.symbols(ElfFile::Table::dynsym, names);
  // A program that is linked statically and exports nothing still has them in its symbol table.
  if (!found.contains(python2_mark) && !found.contains(python3_mark)) {
    found = file.symbols(ElfFile::Table::symtab, names);
  }
  return found;
}

Candidate find_image(const Target& target, std::span<const std::string_view> names) {
  std::string python3;
  std::string unreadable;
  for (const auto& path : candidate_paths(target)) {
    std::unique_ptr<ElfFile> file;
    try {
      file = open_image(target, path);
    } catch (const FormatError&) {
      continue;  // data files are mapped too: locale archives, fonts, databases
    } catch (const FileError& error) {
      const bool likely = path == target.info.executable || path.find("python") != path.npos;
      if (likely && unreadable.empty()) unreadable = error.what();
      continue;
    }
    auto exported = exported_symbols(*file, names);
    if (!exported.contains("PyFrame_Type")) continue;
    if (!exported.contains(python2_mark)) {
      if (exported.contains(python3_mark)) python3 = path;
      continue;
    }
    const auto bias = load_bias(*file, path, target.mappings);
    if (!bias) continue;
    const auto there = build_id_in_memory(*target.memory, *file, *bias);
    if (there && file->build_id() && there != file->build_id()) {
      throw TargetError(fmt::format(
          "{} is not the file that the target runs (build id {} here, {} there); give the matching "
          "file, for example with gdb's 'set sysroot'",
          file->path(), *file->build_id(), *there));
    }
    return {path, std::move(file), *bias, std::move(exported)};
  }
  if (!python3.empty()) {
    throw TargetError(fmt::format(
        "the target runs CPython 3 ({}), which has no global import lock; try py-spy or pystack",
        python3));
  }
  if (!unreadable.empty()) {
    throw TargetError(fmt::format(
        "the target's interpreter cannot be read ({}); give its files, for example with gdb's "
        "'set sysroot'",
        unreadable));
  }
  throw TargetError(
      fmt::format("no CPython 2.7 in the target: {} and the {} files it maps hold none",
                  target.info.executable.empty() ? "the executable" : target.info.executable,
                  target.mappings.size()));
}

/// One address for `name`, or why there is none.
Known<Address> address_of(const SymbolsByName& symbols, LoadBias bias, std::string_view name) {
  const auto entry = symbols.find(name);
  if (entry == symbols.end()) return Missing{fmt::format("symbol {} was not found", name)};
  const auto first = entry->second.front().address;
  if (std::ranges::any_of(entry->second, [&](const Symbol& s) { return s.address != first; })) {
    return Missing{fmt::format("symbol {} is there more than once", name)};
  }
  return bias + first;
}

}  // namespace

Interpreter find_interpreter(const Target& target, std::vector<std::string>& problems) {
  const auto names = exported_names();
  auto image = find_image(target, names);
  if (image.file->machine() != EM_X86_64) {
    throw TargetError(
        fmt::format("{} is not an x86-64 program, the only architecture that this "
                    "version of py-importlock reads",
                    image.path));
  }
  Interpreter found;
  found.image = image.path;
  found.bias = image.bias;
  found.layout = layout_for(8, image.exported.contains(pydebug_mark),
                            image.exported.contains(ucs2_mark) ? 2 : 4);
  found.lock_kind =
      image.file->mentions("sem_wait") ? LockKind::semaphore : LockKind::mutex_and_condition;
  for (const auto& [symbol, member] : type_names) {
    found.types.*member =
        address_of(image.exported, image.bias, symbol).optional().value_or(Address{});
  }

  auto statics = image.file->symbols(ElfFile::Table::symtab, static_names);
  found.found_by = FoundBy::symtab;
  if (statics.size() < static_names.size()) {
    std::vector<std::string> refused;
    if (auto debug = find_debug_file(*image.file, target.files.debug_directories,
                                     target.files.debug_files, refused)) {
      statics = debug->symbols(ElfFile::Table::symtab, static_names);
      found.found_by = FoundBy::debug_file;
    }
    problems.insert(problems.end(), refused.begin(), refused.end());
  }
  const auto variable = [&](std::string_view name) {
    return address_of(statics, image.bias, name);
  };
  found.variables.import_lock = variable("import_lock");
  found.variables.import_lock_thread = variable("import_lock_thread");
  found.variables.import_lock_level = variable("import_lock_level");
  found.variables.interp_head = variable("interp_head");
  found.variables.interpreter_lock = variable("interpreter_lock");
  found.variables.py_thread_state_current =
      address_of(image.exported, image.bias, current_thread_state);
  if (!found.variables.import_lock) found.found_by.reset();
  found.file = std::move(image.file);
  return found;
}

}  // namespace importlock
