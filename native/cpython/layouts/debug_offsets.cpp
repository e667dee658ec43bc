#include "cpython/layouts/debug_offsets.hpp"

#include <array>

namespace importlock {

namespace {

using Offset = Layout::Offset;

/// Where an entry lies in 3.13, in 3.14 and in 3.15.
struct Entry {
  std::uint64_t in_313, in_314, in_315;
  Offset& (*field)(Layout&);
};

// Include/internal/pycore_debug_offsets.h, struct _Py_DebugOffsets; measured on 3.13.0, 3.13.5,
// 3.14.10 and 3.15.2.
constexpr std::array entries{
    Entry{40, 40, 40, [](Layout& at) -> Offset& { return at.runtime.interpreters_head; }},
    Entry{64, 64, 64, [](Layout& at) -> Offset& { return at.interpreter_state.next; }},
    Entry{72, 72, 72, [](Layout& at) -> Offset& { return at.interpreter_state.tstate_head; }},
    Entry{88, 96, 96, [](Layout& at) -> Offset& { return at.interpreter_state.modules; }},
    Entry{96, 104, 104, [](Layout& at) -> Offset& { return at.interpreter_state.sysdict; }},
    Entry{112, 120, 120, [](Layout& at) -> Offset& { return at.runtime.interpreter_gil; }},
    Entry{168, 192, 192, [](Layout& at) -> Offset& { return at.thread_state.next; }},
    Entry{176, 200, 200, [](Layout& at) -> Offset& { return at.thread_state.interp; }},
    Entry{184, 208, 208, [](Layout& at) -> Offset& { return at.thread_state.frame; }},
    Entry{192, 216, 240, [](Layout& at) -> Offset& { return at.thread_state.thread_id; }},
    Entry{232, 256, 320, [](Layout& at) -> Offset& { return at.interpreter_frame.previous; }},
    Entry{240, 264, 328, [](Layout& at) -> Offset& { return at.interpreter_frame.f_code; }},
    Entry{248, 272, 336, [](Layout& at) -> Offset& { return at.interpreter_frame.prev_instr; }},
    Entry{256, 280, 344, [](Layout& at) -> Offset& { return at.interpreter_frame.localsplus; }},
    Entry{264, 288, 352, [](Layout& at) -> Offset& { return at.interpreter_frame.owner; }},
    Entry{280, 320, 384, [](Layout& at) -> Offset& { return at.code.co_filename; }},
    Entry{288, 328, 392, [](Layout& at) -> Offset& { return at.code.co_name; }},
    Entry{304, 344, 408, [](Layout& at) -> Offset& { return at.code.co_lnotab; }},
    Entry{312, 352, 416, [](Layout& at) -> Offset& { return at.code.co_firstlineno; }},
    Entry{320, 360, 424, [](Layout& at) -> Offset& { return at.code.co_argcount; }},
    Entry{328, 368, 432, [](Layout& at) -> Offset& { return at.adaptive_code.co_localsplusnames; }},
    Entry{336, 376, 440, [](Layout& at) -> Offset& { return at.adaptive_code.co_localspluskinds; }},
    Entry{344, 384, 448, [](Layout& at) -> Offset& { return at.adaptive_code.co_code_adaptive; }},
    Entry{360, 408, 472, [](Layout& at) -> Offset& { return at.object.ob_type; }},
    Entry{376, 424, 488, [](Layout& at) -> Offset& { return at.type.tp_name; }},
    Entry{392, 440, 504, [](Layout& at) -> Offset& { return at.type.tp_flags; }},
    Entry{408, 456, 552, [](Layout& at) -> Offset& { return at.tuple.ob_item; }},
    Entry{416, 464, 560, [](Layout& at) -> Offset& { return at.object.ob_size; }},
    Entry{432, 480, 576, [](Layout& at) -> Offset& { return at.list.ob_item; }},
    Entry{456, 536, 632, [](Layout& at) -> Offset& { return at.split_dict.ma_keys; }},
    Entry{464, 544, 640, [](Layout& at) -> Offset& { return at.split_dict.ma_values; }},
    Entry{504, 584, 680, [](Layout& at) -> Offset& { return at.long_integer.ob_digit; }},
    Entry{528, 608, 704, [](Layout& at) -> Offset& { return at.bytes.ob_sval; }},
    Entry{544, 624, 720, [](Layout& at) -> Offset& { return at.flexible_unicode.state; }},
    Entry{552, 632, 728, [](Layout& at) -> Offset& { return at.flexible_unicode.length; }},
    Entry{560, 640, 736, [](Layout& at) -> Offset& { return at.flexible_unicode.ascii_data; }},
};

// The same of 3.15.2: PyInterpreterState; _PyInterpreterFrame, PyCodeObject, PyObject,
// PyTypeObject, PyHeapTypeObject, PyTupleObject, PyListObject, PyDictObject, PyFloatObject,
// PyLongObject, PyBytesObject, PyUnicodeObject.
constexpr std::array sizes{DebugSize{48, 226'240}, DebugSize{312, 88},  DebugSize{376, 216},
                           DebugSize{464, 16},     DebugSize{480, 424}, DebugSize{528, 944},
                           DebugSize{544, 40},     DebugSize{568, 40},  DebugSize{624, 48},
                           DebugSize{648, 24},     DebugSize{664, 32},  DebugSize{688, 40},
                           DebugSize{712, 64}};
constexpr std::array free_threaded_sizes{
    DebugSize{48, 250'328}, DebugSize{312, 88},  DebugSize{376, 240}, DebugSize{464, 32},
    DebugSize{480, 440},    DebugSize{528, 968}, DebugSize{544, 56},  DebugSize{568, 56},
    DebugSize{624, 64},     DebugSize{648, 40},  DebugSize{664, 48},  DebugSize{688, 56},
    DebugSize{712, 80}};

constexpr auto column(std::uint64_t Entry::*version) {
  std::array<DebugOffset, entries.size()> offsets{};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    offsets[i] = {entries[i].*version, entries[i].field};
  }
  return offsets;
}

constexpr auto of_313 = column(&Entry::in_313);
constexpr auto of_314 = column(&Entry::in_314);
constexpr auto of_315 = column(&Entry::in_315);

}  // namespace

const std::span<const DebugSize> newest_sizes = sizes;
const std::span<const DebugSize> newest_free_threaded_sizes = free_threaded_sizes;
const std::span<const DebugOffset> python313_debug_offsets = of_313;
const std::span<const DebugOffset> python314_debug_offsets = of_314;
const std::span<const DebugOffset> python315_debug_offsets = of_315;

}  // namespace importlock
