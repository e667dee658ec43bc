// The memory of a target with CPython 2.7, of each architecture and with pydebug's objects or
// without, given to capture() and what follows. Each word of it is made from the input when it is
// first read and stays the same from then on.

#include "cpython/capture.hpp"

#include <elf.h>
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "cpython/layouts/python27.hpp"
#include "diagnosis/diagnose.hpp"
#include "elf/elf_file.hpp"
#include "memory_file.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t page_size = 4096;
constexpr const char* image = "/usr/bin/python2.7";  // as the target names the stub

// Of the names in types_of().
constexpr std::size_t code_type = 3, frame_type = 4, string_type = 5, dict_type = 7,
                      tuple_type = 14;

/// Where the types of the stub lie in the target.
std::vector<std::uint64_t> types_of(const ElfFile& stub, std::uint64_t bias) {
  constexpr std::array<std::string_view, 18> names{
      "PyType_Type",   "PyClass_Type",    "PyInstance_Type", "PyCode_Type",      "PyFrame_Type",
      "PyString_Type", "PyUnicode_Type",  "PyDict_Type",     "PyInt_Type",       "PyBool_Type",
      "PyLong_Type",   "PyFunction_Type", "PyMethod_Type",   "PyCFunction_Type", "PyTuple_Type",
      "PyModule_Type", "PyList_Type",     "PyCell_Type"};
  const auto found = stub.symbols(ElfFile::Table::dynsym, names).defined;
  std::vector<std::uint64_t> types;
  for (const auto name : names) {
    types.push_back(bias + static_cast<std::uint64_t>(found.at(name).front().address));
  }
  return types;
}

std::uint64_t interp_head_of(const ElfFile& stub, std::uint64_t bias) {
  constexpr std::array<std::string_view, 1> name{"interp_head"};
  const auto found = stub.symbols(ElfFile::Table::symtab, name).defined;
  return bias + static_cast<std::uint64_t>(found.at(name[0]).front().address);
}

/// What the stub has mapped.
std::vector<Mapping> mappings_of(const ElfFile& stub, std::uint64_t bias) {
  std::vector<Mapping> mappings;
  for (const auto& segment : stub.segments()) {
    const auto first = static_cast<std::uint64_t>(segment.address);
    const auto skip = first % page_size;
    const auto end = (first + segment.memory_size + page_size - 1) / page_size * page_size;
    mappings.push_back({Address{bias + first - skip}, Address{bias + end},
                        segment.file_offset - segment.file_offset % page_size, image});
  }
  return mappings;
}

/// The bytes of a file, said to be of that machine.
MemoryFile file_of_machine(const char* path, std::uint16_t machine) {
  std::ifstream stream(path, std::ios::binary);
  std::vector<char> contents(std::istreambuf_iterator<char>(stream), {});
  if (contents.size() < sizeof(Elf64_Ehdr)) std::abort();
  std::memcpy(contents.data() + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
  return MemoryFile(std::as_bytes(std::span(contents)));
}

/// The interpreter of one build.
struct Build {
  Build(Architecture of, std::uint16_t machine, bool pydebug)
      : architecture(of),
        bias(word_size(of) == 4 ? 0x40000000 : 0x7f0000000000),
        layout(python27_layout(word_size(of), pydebug, 4)),
        file(file_of_machine(pydebug ? IMPORTLOCK_DEBUG_STUB : IMPORTLOCK_STUB, machine)) {
    const auto stub = ElfFile::open(file.path());
    types = types_of(stub, bias);
    interp_head = interp_head_of(stub, bias);
    mappings = mappings_of(stub, bias);
  }

  Architecture architecture;
  std::uint64_t bias;
  Layout layout;
  MemoryFile file;
  std::vector<std::uint64_t> types;
  std::uint64_t interp_head = 0;
  std::vector<Mapping> mappings;
};

const Build& chosen_build(FuzzedDataProvider& input) {
  static const std::array<Build, 6> builds{Build(Architecture::x86_64, EM_X86_64, false),
                                           Build(Architecture::x86_64, EM_X86_64, true),
                                           Build(Architecture::i386, EM_386, false),
                                           Build(Architecture::i386, EM_386, true),
                                           Build(Architecture::aarch64, EM_AARCH64, false),
                                           Build(Architecture::aarch64, EM_AARCH64, true)};
  return builds[input.ConsumeIntegralInRange<std::size_t>(0, builds.size() - 1)];
}

/// Words that are small numbers, addresses of each other, of types and of names that the reader
/// looks for, so that they make objects soon.
class MadeMemory : public Memory {
 public:
  MadeMemory(FuzzedDataProvider& input, const Build& build)
      : endless_(input.ConsumeBool()),
        at_(build.layout),
        word_(at_.word),
        input_(input),
        types_(build.types) {
    for (std::size_t i = 0; i < known_texts.size(); ++i) add_text(i);
    for (std::uint64_t i = 0; i < interpreter_slot; ++i) {
      put(slot(i) + at_.object.ob_type, types_[i % types_.size()]);
    }
    for (const auto type : types_) put(type + at_.object.ob_type, types_[0]);
    put(build.interp_head, slot(interpreter_slot));
    put(slot(interpreter_slot) + at_.interpreter_state.tstate_head, slot(interpreter_slot + 1));
    put(slot(interpreter_slot) + at_.interpreter_state.modules, slot(dict_type));
    put(slot(interpreter_slot) + at_.interpreter_state.next, 0);
    for (std::uint64_t i = 0; i < threads; ++i) add_thread(i);
  }

  bool try_read(Address address, std::span<std::byte> into) override {
    for (std::size_t done = 0; done < into.size();) {
      const auto at = address.value() + done;
      const auto [place, fresh] = words_.try_emplace(at / word_);
      if (fresh) place->second = make_word();
      if (!place->second) return false;
      const auto bytes =
          std::as_bytes(std::span(&*place->second, 1)).first(word_).subspan(at % word_);
      const auto length = std::min(bytes.size(), into.size() - done);
      std::ranges::copy(bytes.first(length), into.begin() + static_cast<std::ptrdiff_t>(done));
      done += length;
    }
    return true;
  }

 private:
  static constexpr std::uint64_t slot_size = 1024;  // a frame fits
  static constexpr std::uint64_t first_slot = 0x100000;
  static constexpr std::uint64_t first_text = 0x200000;
  static constexpr std::uint64_t text_size = 96;  // a str of the longest, with pydebug's head
  static constexpr std::array<std::string_view, 24> known_texts{
      "threading",     "Thread",
      "_RLock",        "RLock",
      "acquire",       "release",
      "__name__",      "__main__",
      "<module>",      "_active",
      "__import__",    "imp",
      "thread",        "LockType",
      "modules",       "_Thread__ident",
      "_Thread__name", "wait",
      "_Condition",    "_Condition__lock",
      "_RLock__block", "/usr/lib/python2.7/a.py",
      "version",       "path",
  };

  static constexpr std::uint64_t interpreter_slot = 54;  // its thread states follow
  static constexpr std::uint64_t threads = 3;

  static std::uint64_t slot(std::uint64_t number) { return first_slot + number * slot_size; }
  std::uint64_t small() { return input_.ConsumeIntegralInRange<std::uint64_t>(0, 40); }
  std::uint64_t text() {
    return first_text +
           input_.ConsumeIntegralInRange(std::uint64_t{0}, known_texts.size() - 1) * text_size;
  }

  /// Most of what stands fast, so that the rest is reached; but not all of it each time.
  void put(std::uint64_t address, std::uint64_t value) {
    if (input_.ConsumeIntegralInRange(0, 31) != 31) words_.insert_or_assign(address / word_, value);
  }

  /// Two ints beside each other.
  void put_pair(std::uint64_t address, std::uint64_t first, std::uint64_t second) {
    if (word_ == 8) return put(address, first | second << 32);
    put(address, first);
    put(address + word_, second);
  }

  /// A thread state, a frame, its code and a dict, each in the slots of its type.
  void add_thread(std::uint64_t number) {
    const auto first = number * types_.size();
    const auto state = slot(interpreter_slot + 1 + number);
    const auto frame = slot(first + frame_type);
    const auto code = slot(first + code_type);
    const auto string = slot(first + string_type);
    const auto tuple = slot(first + tuple_type);
    const auto dict = slot(first + dict_type);
    put(state + at_.thread_state.next, number + 1 < threads ? state + slot_size : 0);
    put(state + at_.thread_state.interp, slot(interpreter_slot));
    put(state + at_.thread_state.frame, frame);
    put(state + at_.thread_state.thread_id, number + 1);
    put(frame + at_.frame.f_code, code);
    put(frame + at_.frame.f_globals, dict);
    put(frame + at_.frame.f_locals, dict);
    put(frame + at_.frame.f_tstate, state);
    put(frame + at_.frame.f_valuestack, frame + at_.frame.f_localsplus + word_);
    put_pair(frame + at_.frame.f_lasti, small(), small());
    put(frame + at_.frame.f_iblock, small() % 3);
    put_pair(code + at_.code.co_argcount, small() % 4, small() % 4);
    put(code + at_.code.co_code, string);
    put(code + at_.code.co_lnotab, string);
    for (const auto field : {at_.code.co_consts, at_.code.co_names, at_.code.co_varnames,
                             at_.code.co_freevars, at_.code.co_cellvars}) {
      put(code + field, tuple);
    }
    put(code + at_.code.co_filename, text());
    put(code + at_.code.co_name, text());
    put(string + at_.object.ob_size, small());
    put(tuple + at_.object.ob_size, small() % 8);
    for (std::uint64_t i = 0; i < 4; ++i) put(tuple + at_.tuple.ob_item + i * word_, text());
    const auto table = dict + slot_size / 2;
    put(dict + at_.dict.ma_mask, 7);
    put(dict + at_.dict.ma_table, table);
    for (std::uint64_t i = 0; i < 8; ++i) {
      put(table + i * at_.dict_entry.size + at_.dict_entry.me_key, text());
      put(table + i * at_.dict_entry.size + at_.dict_entry.me_value, slot(small()));
    }
  }

  void add_text(std::size_t number) {
    const auto text = known_texts[number];
    std::array<char, text_size> object{};
    const std::uint64_t size = text.size();
    std::memcpy(object.data() + at_.object.ob_type, &types_[string_type], word_);
    std::memcpy(object.data() + at_.object.ob_size, &size, word_);
    std::memcpy(object.data() + at_.bytes.ob_sval, text.data(), size);
    const auto start = (first_text + number * text_size) / word_;
    for (std::size_t i = 0; i < object.size() / word_; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, object.data() + i * word_, word_);
      words_.emplace(start + i, word);
    }
  }

  /// Nothing where it cannot be read, as what comes after the end of the input; an endless memory
  /// goes on with what it had before.
  std::optional<std::uint64_t> make_word() {
    if (input_.remaining_bytes() == 0 &&
        (!endless_ || codes_.empty() || words_.size() > most_words)) {
      return std::nullopt;
    }
    const auto again = codes_.empty() ? std::uint8_t{0} : codes_[words_.size() * 7 % codes_.size()];
    const std::uint64_t code =
        input_.remaining_bytes() > 0 ? input_.ConsumeIntegral<std::uint8_t>() : again;
    if (input_.remaining_bytes() > 0) codes_.push_back(static_cast<std::uint8_t>(code));
    if (code < 32) return code;
    if (code < 96) return first_slot + (code - 32) * slot_size;
    if (code < 128) return types_[(code - 96) % types_.size()];
    if (code < 160) return first_text + (code - 128) % known_texts.size() * text_size;
    if (code < 168) return UINT64_MAX - (code - 160);
    if (code < 176) return std::nullopt;
    // As far as it goes, a place of its own.
    if (input_.remaining_bytes() == 0) return fresh_place_ += slot_size;
    return input_.ConsumeIntegral<std::uint64_t>();
  }

  static constexpr std::size_t most_words = 100'000;
  const bool endless_;
  std::vector<std::uint8_t> codes_;
  std::uint64_t fresh_place_ = 0x1000000;
  const Layout& at_;
  const std::size_t word_;
  FuzzedDataProvider& input_;
  const std::vector<std::uint64_t>& types_;
  std::unordered_map<std::uint64_t, std::optional<std::uint64_t>> words_;
};

Target target_of(FuzzedDataProvider& input) {
  const auto& build = chosen_build(input);
  Target target;
  target.architecture = build.architecture;
  target.info = {TargetKind::core, 1, image, "core"};
  target.mappings = build.mappings;
  target.files.executable = build.file.path();
  for (int lwp = 1; lwp <= 3; ++lwp) {
    NativeThread thread;
    thread.lwp = lwp;
    if (input.ConsumeBool()) thread.ident = PthreadId{input.ConsumeIntegral<std::uint8_t>()};
    SystemCall call;
    call.name = input.PickValueInArray({"futex", "read", "poll", "openat", "connect", "wait4"});
    if (input.ConsumeBool()) call.futex = Address{input.ConsumeIntegral<std::uint64_t>()};
    for (auto& argument : call.arguments) argument = input.ConsumeIntegral<std::uint32_t>();
    thread.system_call = std::optional(call);
    target.threads.push_back(thread);
  }
  if (input.ConsumeBool()) {
    target.look_again = [](Target&) {};
    target.stood_still = [&](const Target&) { return input.ConsumeBool(); };
  }
  target.memory = std::make_unique<MadeMemory>(input, build);
  return target;
}

}  // namespace

}  // namespace importlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace importlock;
  FuzzedDataProvider input(data, size);
  const bool locals = input.ConsumeBool();
  auto target = target_of(input);
  try {
    diagnose(capture(target, {locals}));
  } catch (const Error&) {
    // Damage that was noticed.
  }
  return 0;
}
