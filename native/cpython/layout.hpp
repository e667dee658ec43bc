#pragma once

#include <cstdint>
#include <optional>

namespace importlock {

/// Where a version of CPython keeps the fields that we read: byte offsets under CPython's own
/// names, for one build variant, and to which family of structures they belong where a field is not
/// all that changed. The tables stand in layouts/; what a version does not have is 0 in its table,
/// and no reader of that version asks for it.
struct Layout {
  using Offset = std::uint64_t;

  unsigned word = 8;  ///< bytes of a pointer
  bool pydebug = false;
  unsigned unicode_width = 4;  ///< sizeof(Py_UNICODE), of 2.7

  struct {
    Offset ob_type, ob_size;
  } object{};
  struct {
    Offset next, tstate_head, modules, sysdict;
  } interpreter_state{};
  struct {
    Offset next, interp;
    Offset frame;  ///< `frame` or `current_frame`, or `cframe` where that has it
    Offset thread_id;
    std::optional<Offset> native_thread_id;  ///< 3.11 and later
  } thread_state{};
  struct {
    std::optional<Offset> current_frame;  ///< 3.11 and 3.12
  } cframe;
  struct {
    Offset f_back, f_code, f_builtins, f_globals, f_locals, f_valuestack, f_trace, f_tstate,
        f_lasti, f_lineno, f_iblock, f_blockstack, f_localsplus;
  } frame{};
  struct {
    Offset f_code, f_globals, f_locals, previous, prev_instr, owner, localsplus;
    std::optional<Offset> stacktop;  ///< to 3.13; a pointer since, which tells of no call
  } interpreter_frame{};
  struct {
    Offset co_argcount, co_nlocals, co_stacksize, co_code, co_consts, co_names, co_varnames,
        co_freevars, co_cellvars, co_filename, co_name, co_firstlineno,
        co_lnotab;  ///< co_linetable since 3.10
  } code{};
  struct {
    Offset co_code_adaptive, co_nlocalsplus, co_localsplusnames, co_localspluskinds,
        co_exceptiontable;
  } adaptive_code{};  // 3.11 and later
  struct {
    Offset b_type, b_handler, b_level, size;
  } try_block{};
  struct {
    Offset ob_shash, ob_sval;
  } bytes{};  // a str of 2.7
  struct {
    Offset length, str;
  } unicode{};  // of 2.7
  struct {
    Offset length, hash, state;
    Offset ascii_data;    ///< after a PyASCIIObject
    Offset compact_data;  ///< after a PyCompactUnicodeObject
    Offset data;          ///< of a string that is not compact
  } flexible_unicode{};   // since 3.3
  struct {
    Offset ma_used, ma_mask, ma_table;
  } dict{};  // of 2.7
  struct {
    Offset ma_keys, ma_values;
  } split_dict{};  // since 3.3
  struct {
    Offset me_hash, me_key, me_value, size;
  } dict_entry{};
  /// The keys object: with dk_size and 24-byte entries, or with dk_log2_size and dk_kind.
  enum class DictKeys : std::uint8_t { sized, kinds };
  struct {
    DictKeys family;
    Offset dk_size, dk_log2_size, dk_log2_index_bytes, dk_kind, dk_nentries, dk_indices;
  } dict_keys{};
  struct {
    Offset ob_ival;
  } integer{};
  struct {
    Offset ob_fval;
  } float_object{};
  /// The sign and the number of digits: those of ob_size, or lv_tag.
  enum class Digits : std::uint8_t { signed_size, tag };
  struct {
    Offset ob_digit;
    Digits family;
    Offset digit_size;  ///< 4: of 30 bits; 2: of 15
  } long_integer{};
  struct {
    Offset in_class, in_dict;
  } instance{};
  struct {
    Offset cl_dict, cl_name;
  } class_object{};
  struct {
    Offset im_func, im_self;
  } method{};
  struct {
    Offset m_ml, m_self, m_module;
    Offset mm_class;  ///< of a PyCMethodObject, since 3.9
  } c_function{};
  struct {
    Offset d_type, d_method;
  } method_descriptor{};
  struct {
    Offset tp_name, tp_basicsize, tp_flags, tp_base, tp_dict, tp_dictoffset, tp_subclasses;
  } type{};
  /// Where an instance of a class of Python's keeps its attributes: in a dict at tp_dictoffset; in
  /// an array of values before it or a dict; in either, told by a bit; in values within it or a
  /// dict.
  enum class Attributes : std::uint8_t { dictoffset, values_before, values_or_dict, inline_values };
  struct {
    Attributes family;
    Offset ht_cached_keys;
    Offset values;  ///< in PyDictValues
  } managed{};
  /// Static types of the core whose dict each interpreter has (3.12 and later).
  struct {
    Offset types, size, type, tp_dict;
  } builtin_types{};
  struct {
    Offset ob_item;
  } tuple{};
  struct {
    Offset ob_item;
  } list{};
  struct {
    Offset func_code;
  } function{};
  struct {
    Offset md_dict;
  } module{};
  struct {
    Offset ob_ref;
  } cell{};
  struct {
    Offset it_callable;
  } call_iterator{};
  struct {
    Offset wr_object;
  } weakref{};
  struct {
    Offset lock_lock;
    Offset size_with_mutex;  ///< tp_basicsize where a PyMutex is in the place of the pointer
  } lock{};
  struct {
    Offset rlock_lock, rlock_owner, rlock_count;
    Offset size_with_mutex;  ///< the same of a _PyRecursiveMutex, whose fields lie alike
  } rlock{};                 // of C, since 3.2
  /// Of a thread, since 3.13: what threading keeps, and what that leads to.
  struct {
    Offset handle, thread_is_exiting;
  } thread_handle{};
  struct {
    Offset last_holder, locked, cond, cond_size;
  } gil{};
  /// _PyRuntime (all 0 in 3.6, which has none), and what lies in an interpreter since 3.12.
  struct {
    Offset interpreters_head, gil, tstate_current;
    Offset interpreter_gil, interpreter_import_lock;
  } runtime{};
  bool import_lock_is_mutex = false;  ///< a _PyRecursiveMutex, since 3.13
  /// In what lies at interpreter_import_lock.
  struct {
    Offset thread, level;
  } import_lock{};
  /// Of the hash of a str: SipHash-1-3, or up to 3.10 SipHash-2-4. 0 where dicts are looked
  /// through.
  unsigned siphash_rounds = 1;
  /// How co_lnotab or co_linetable tell lines.
  enum class Lines : std::uint8_t { lnotab, deltas, locations };
  Lines lines = Lines::lnotab;
  /// What a thread state's frames are: frame objects up to 3.10, then _PyInterpreterFrame.
  enum class Frames : std::uint8_t { objects, interpreter };
  Frames frames = Frames::objects;
  bool free_threaded = false;  ///< built with --disable-gil (3.13 and later), which has these:
  std::optional<Offset> gil_enabled;  ///< in _gil_runtime_state
  Offset thread_state_state = 0;      ///< `state` of PyThreadState
  /// The _stoptheworld_state of an interpreter and of _PyRuntime, and what of it is waited for.
  Offset interpreter_stoptheworld = 0, runtime_stoptheworld = 0, stoptheworld_size = 0;
  std::optional<Offset> co_tlbc, frame_tlbc_index;  ///< copies of the code, since 3.14
  unsigned unicode_kind_bit = 2;     ///< of PyASCIIObject.state, at which `kind` begins
  unsigned managed_dict_before = 3;  ///< words before an object, since 3.13
  unsigned lasti_unit = 1;  ///< bytes of code for each of f_lasti and b_handler, of frame objects
};

/// Whether the version has a _PyRuntime, which begins with other things than the interpreters.
constexpr bool has_runtime(const Layout& layout) { return layout.runtime.interpreters_head != 0; }

}  // namespace importlock
