#include "cpython/layouts/python3.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "cpython/layouts/measured3.hpp"
#include "cpython/layouts/names3.hpp"
#include "cpython/layouts/opcodes3.hpp"

namespace importlock {

namespace {

// Offsets of x86-64, measured with gdb's ptype on 3.6.15, 3.7.16, 3.8.18, 3.9.18, 3.10.13, 3.11.7,
// 3.12.1, 3.13.0, 3.13.5, 3.14.10 and 3.15.2; 3.11's on Debian's 3.11.2 too. Those of other
// architectures take the place of these (measured3.cpp). Sources: Include/cpython/*.h,
// Include/internal/*.h, Modules/_threadmodule.c.

/// What is alike from 3.6 on.
constexpr Layout common() {
  Layout at;
  at.object = {8, 16};
  at.thread_state.next = 8;
  at.thread_state.interp = 16;
  at.bytes = {24, 32};
  at.flexible_unicode = {16, 24, 32, 48, 72, 72};
  at.split_dict = {32, 40};
  at.method = {16, 24};
  at.c_function = {16, 24, 32, 56};
  at.method_descriptor = {16, 40};
  at.type = {24, 32, 168, 256, 264, 288, 360};
  at.tuple = {24};
  at.list = {24};
  at.module = {16};
  at.cell = {16};
  at.call_iterator = {16};
  at.weakref = {16};
  at.lock = {16, 24};
  at.rlock = {16, 24, 32, 40};
  at.gil = {8, 16, 32, 48};
  at.long_integer = {24, Layout::Digits::signed_size, 4};
  at.float_object = {16};
  at.managed.family = Layout::Attributes::dictoffset;
  return at;
}

/// What is alike from 3.6 to 3.10.
constexpr Layout with_frame_objects() {
  auto at = common();
  at.dict_keys = {Layout::DictKeys::sized, 8, 0, 0, 0, 32, 40};
  at.siphash_rounds = 2;
  at.function = {16};
  at.interpreter_state = {0, 8, 0, 0};
  at.thread_state.frame = 24;
  at.thread_state.thread_id = 176;
  at.frame = {24, 32, 40, 48, 56, 64, 80, 0, 104, 108, 112, 120, 360};
  at.try_block = {0, 4, 8, 12};
  at.code = {16, 28, 32, 48, 56, 64, 72, 80, 88, 104, 112, 40, 120};
  return at;
}

/// The last without _PyRuntime.
constexpr Layout layout_of_36() {
  auto at = with_frame_objects();
  at.interpreter_state.modules = 16;
  at.interpreter_state.sysdict = 32;
  at.thread_state.thread_id = 152;
  at.frame = {24, 32, 40, 48, 56, 64, 80, 0, 120, 124, 128, 136, 376};
  at.code = {16, 24, 28, 40, 48, 56, 64, 72, 80, 96, 104, 36, 112};
  at.siphash_rounds = 0;  // how it probes was measured on 3.6.15 alone
  return at;
}

constexpr Layout layout_of_37() {
  auto at = with_frame_objects();
  at.interpreter_state.modules = 40;
  at.interpreter_state.sysdict = 56;
  at.code = {16, 24, 28, 40, 48, 56, 64, 72, 80, 96, 104, 36, 112};
  at.runtime = {24, 1264, 1480, 0, 0};
  return at;
}

constexpr Layout layout_of_38() {
  auto at = with_frame_objects();
  at.interpreter_state.modules = 56;
  at.interpreter_state.sysdict = 72;
  at.runtime = {32, 1152, 1368, 0, 0};
  return at;
}

constexpr Layout layout_of_39() {
  auto at = with_frame_objects();
  at.interpreter_state.modules = 856;
  at.interpreter_state.sysdict = 872;
  at.runtime = {32, 352, 568, 0, 0};
  return at;
}

constexpr Layout layout_of_310() {
  auto at = layout_of_39();
  at.frame = {24, 32, 40, 48, 56, 64, 72, 0, 96, 100, 104, 112, 352};
  at.function = {48};
  at.lines = Layout::Lines::deltas;
  at.lasti_unit = 2;
  return at;
}

/// What is alike from 3.11 on.
constexpr Layout adaptive() {
  auto at = common();
  at.dict_keys = {Layout::DictKeys::kinds, 0, 8, 9, 10, 24, 32};
  at.function = {48};
  at.lines = Layout::Lines::locations;
  at.frames = Layout::Frames::interpreter;
  return at;
}

constexpr Layout layout_of_311() {
  auto at = adaptive();
  at.interpreter_state = {0, 16, 888, 904};
  at.thread_state.frame = 56;
  at.thread_state.thread_id = 152;
  at.thread_state.native_thread_id = 160;
  at.cframe.current_frame = 8;
  at.interpreter_frame = {32, 8, 24, 48, 56, 69, 72, 64};
  at.code.co_argcount = 56;
  at.code.co_nlocals = 80;
  at.code.co_stacksize = 68;
  at.code.co_consts = 24;
  at.code.co_names = 32;
  at.code.co_filename = 112;
  at.code.co_name = 120;
  at.code.co_firstlineno = 72;
  at.code.co_lnotab = 136;
  at.adaptive_code = {184, 76, 96, 104, 40};
  at.managed = {Layout::Attributes::values_before, 872, 0};
  at.runtime = {40, 360, 576, 0, 0};
  return at;
}

/// What is alike from 3.12 on.
constexpr Layout since_312() {
  auto at = adaptive();
  at.flexible_unicode = {16, 24, 32, 40, 56, 56};
  at.long_integer.family = Layout::Digits::tag;
  at.import_lock = {8, 16};
  at.interpreter_frame = {0, 24, 40, 8, 56, 70, 72, 64};
  at.code.co_argcount = 52;
  at.code.co_nlocals = 80;
  at.code.co_stacksize = 64;
  at.code.co_consts = 24;
  at.code.co_names = 32;
  at.code.co_filename = 112;
  at.code.co_name = 120;
  at.code.co_firstlineno = 68;
  at.code.co_lnotab = 136;
  return at;
}

constexpr Layout layout_of_312() {
  auto at = since_312();
  at.interpreter_state = {0, 72, 944, 352};
  at.thread_state.frame = 56;
  at.thread_state.thread_id = 136;
  at.thread_state.native_thread_id = 144;
  at.cframe.current_frame = 0;
  at.adaptive_code = {192, 72, 96, 104, 40};
  at.managed = {Layout::Attributes::values_or_dict, 880, 0};
  at.runtime = {40, 0, 0, 384, 992};
  return at;
}

constexpr Layout layout_of_313() {
  auto at = since_312();
  at.interpreter_state = {7264, 7344, 7656, 7640};
  at.thread_state.frame = 72;
  at.thread_state.thread_id = 152;
  at.thread_state.native_thread_id = 160;
  at.adaptive_code = {200, 72, 96, 104, 40};
  at.managed = {Layout::Attributes::inline_values, 880, 8};
  at.runtime = {632, 0, 0, 16, 7704};
  at.import_lock_is_mutex = true;
  at.thread_handle = {16, 57};
  return at;
}

constexpr Layout layout_of_314() {
  auto at = layout_of_313();
  at.interpreter_state = {7272, 7344, 7688, 7672};
  at.interpreter_frame = {0, 24, 40, 8, 56, 74, 80, {}};
  at.adaptive_code.co_code_adaptive = 208;
  at.tuple = {32};
  at.runtime = {808, 0, 0, 16, 7736};
  return at;
}

constexpr Layout layout_of_315() {
  auto at = layout_of_314();
  at.interpreter_state = {7264, 7336, 7592, 7576};
  at.thread_state.thread_id = 176;
  at.thread_state.native_thread_id = 184;
  at.managed.ht_cached_keys = 888;
  at.runtime = {936, 0, 0, 16, 7688};
  return at;
}

/// Include/object.h, struct _object of Py_GIL_DISABLED: ob_tid, ob_flags, ob_mutex, ob_gc_bits,
/// ob_ref_local and ob_ref_shared stand in the place of ob_refcnt, and ob_type follows. What
/// follows the head of an object lies that much further on.
constexpr Layout without_gil(Layout at) {
  constexpr Layout::Offset more = 16;
  const auto move = [](auto&... fields) { ((fields += more), ...); };
  move(at.object.ob_type, at.object.ob_size);
  move(at.code.co_argcount, at.code.co_nlocals, at.code.co_stacksize, at.code.co_consts,
       at.code.co_names, at.code.co_filename, at.code.co_name, at.code.co_firstlineno,
       at.code.co_lnotab);
  move(at.adaptive_code.co_code_adaptive, at.adaptive_code.co_nlocalsplus,
       at.adaptive_code.co_localsplusnames, at.adaptive_code.co_localspluskinds,
       at.adaptive_code.co_exceptiontable);
  move(at.bytes.ob_shash, at.bytes.ob_sval);
  move(at.flexible_unicode.length, at.flexible_unicode.hash, at.flexible_unicode.state,
       at.flexible_unicode.ascii_data, at.flexible_unicode.compact_data, at.flexible_unicode.data);
  move(at.split_dict.ma_keys, at.split_dict.ma_values);
  move(at.float_object.ob_fval, at.long_integer.ob_digit);
  move(at.method.im_func, at.method.im_self);
  move(at.c_function.m_ml, at.c_function.m_self, at.c_function.m_module, at.c_function.mm_class);
  move(at.method_descriptor.d_type, at.method_descriptor.d_method);
  move(at.type.tp_name, at.type.tp_basicsize, at.type.tp_flags, at.type.tp_base, at.type.tp_dict,
       at.type.tp_dictoffset, at.type.tp_subclasses, at.managed.ht_cached_keys);
  move(at.tuple.ob_item, at.list.ob_item, at.function.func_code, at.module.md_dict, at.cell.ob_ref,
       at.call_iterator.it_callable, at.weakref.wr_object);
  move(at.lock.lock_lock, at.lock.size_with_mutex);
  move(at.rlock.rlock_lock, at.rlock.rlock_owner, at.rlock.rlock_count, at.rlock.size_with_mutex);
  move(at.thread_handle.handle);
  at.free_threaded = true;
  at.managed_dict_before = 1;  // no PyGC_Head lies before an object
  at.gil_enabled = 0;
  at.gil = {16, 24, 40, 48};
  at.stoptheworld_size = 8;  // its mutex and its stop_event
  return at;
}

constexpr Layout layout_of_313t() {
  auto at = without_gil(layout_of_313());
  at.interpreter_state = {7264, 7344, 7664, 7648};
  at.runtime.interpreter_import_lock = 7712;
  at.thread_state_state = 40;
  at.interpreter_stoptheworld = 10744;
  at.runtime_stoptheworld = 10336;
  return at;
}

/// What is alike from 3.14 on.
constexpr Layout with_copies_of_code(Layout at) {
  at = without_gil(at);
  at.interpreter_frame.owner = 78;
  at.frame_tlbc_index = 72;
  at.co_tlbc = 224;
  at.adaptive_code.co_code_adaptive = 232;
  at.unicode_kind_bit = 8;
  return at;
}

constexpr Layout layout_of_314t() {
  auto at = with_copies_of_code(layout_of_314());
  at.interpreter_state = {7272, 7344, 7712, 7696};
  at.runtime.interpreter_import_lock = 7760;
  at.thread_state_state = 44;
  at.interpreter_stoptheworld = 10848;
  at.runtime_stoptheworld = 10552;
  return at;
}

constexpr Layout layout_of_315t() {
  auto at = with_copies_of_code(layout_of_315());
  at.thread_state_state = 48;
  at.interpreter_stoptheworld = 10800;
  at.runtime_stoptheworld = 10672;
  return at;
}

const std::array tables{
    Python3{6, layout_of_36(), &python3_names, &python306_opcodes, 0, {}},
    Python3{7, layout_of_37(), &python3_names, &python307_opcodes, 1'520, {}},
    Python3{8, layout_of_38(), &python3_names, &python308_opcodes, 1'464, {}},
    Python3{9, layout_of_39(), &python3_names, &python309_opcodes, 656, {}},
    Python3{10, layout_of_310(), &python3_names, &python310_opcodes, 672, {}},
    Python3{11, layout_of_311(), &python3_names, &python311_opcodes, 166'688, {}},
    Python3{12, layout_of_312(), &python3_names, &python312_opcodes, 459'944, {}},
    Python3{13, layout_of_313(), &python313_names, &python313_opcodes, 283'320,
            python313_debug_offsets},
    Python3{14, layout_of_314(), &python314_names, &python314_opcodes, 316'616,
            python314_debug_offsets},
    Python3{15, layout_of_315(), &python314_names, &python315_opcodes, 346'568,
            python315_debug_offsets, newest_sizes},
};

/// Builds with --disable-gil: 3.13 measured like the others, 3.14 and 3.15 on structures compiled
/// from the headers of 3.14.10 and 3.15.2 with Py_GIL_DISABLED.
const std::array free_threaded_tables{
    Python3{13, layout_of_313t(), &python313_names, &python313_opcodes, 328'320,
            python313_debug_offsets},
    Python3{14, layout_of_314t(), &python314_names, &python314_opcodes, 365'624,
            python314_debug_offsets},
    Python3{15, layout_of_315t(), &python314_names, &python315_opcodes, 409'296,
            python315_debug_offsets, newest_free_threaded_sizes},
};

const MeasuredBuild* measured_on(Architecture architecture, unsigned minor) {
  const auto found = std::ranges::find_if(measured_builds, [&](const MeasuredBuild& build) {
    return build.architecture == architecture && build.minor == minor;
  });
  return found == measured_builds.end() ? nullptr : &*found;
}

}  // namespace

std::optional<Python3> free_threaded_table(unsigned minor, Architecture architecture) {
  const auto* const found = std::ranges::find(free_threaded_tables, minor, &Python3::minor);
  const bool there = found != free_threaded_tables.end() && architecture == Architecture::x86_64;
  return there ? std::optional(*found) : std::nullopt;
}

std::optional<Python3> python3_table(unsigned minor, Architecture architecture) {
  const auto* const found = std::ranges::find(tables, minor, &Python3::minor);
  if (found == tables.end()) return std::nullopt;
  auto table = *found;
  if (architecture == Architecture::x86_64) return table;
  const auto* const measured = measured_on(architecture, minor);
  if (measured == nullptr) return std::nullopt;
  table.layout.word = word_size(architecture);
  table.runtime_size = measured->runtime_size;
  for (const auto& [offset, field] : measured->offsets) {
    if (offset) field(table.layout) = *offset;
  }
  return table;
}

unsigned newest_python3() { return tables.back().minor; }

std::optional<unsigned> minor_of_runtime(std::uint64_t size, Architecture architecture) {
  if (size == 0) return std::nullopt;
  for (const auto& each : tables) {
    const auto table = python3_table(each.minor, architecture);
    if (table && table->runtime_size == size) return each.minor;
  }
  return std::nullopt;
}

std::string python3_versions(Architecture architecture) {
  std::vector<std::string> versions{"2.7"};
  for (const auto& table : tables) {
    if (python3_table(table.minor, architecture)) {
      versions.push_back("3." + std::to_string(table.minor));
    }
  }
  std::string text;
  for (const auto& version : versions) {
    if (!text.empty()) text += &version == &versions.back() ? " and " : ", ";
    text += version;
  }
  return text;
}

}  // namespace importlock
