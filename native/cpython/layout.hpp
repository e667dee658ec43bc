#pragma once

#include <cstdint>

namespace importlock {

/// Where a version of CPython keeps the fields that we read: byte offsets under CPython's own
/// names, for one build variant. The tables stand in layouts/; what a version does not have is 0 in
/// its table, and no reader of that version asks for it.
struct Layout {
  using Offset = std::uint64_t;

  unsigned word = 8;  ///< bytes of a pointer
  bool pydebug = false;
  unsigned unicode_width = 4;  ///< sizeof(Py_UNICODE)

  struct {
    Offset ob_type, ob_size;
  } object;
  struct {
    Offset next, tstate_head, modules, sysdict;
  } interpreter_state;
  struct {
    Offset next, interp, frame, thread_id;
  } thread_state;
  struct {
    Offset f_back, f_code, f_builtins, f_globals, f_locals, f_valuestack, f_trace, f_tstate,
        f_lasti, f_lineno, f_iblock, f_blockstack, f_localsplus;
  } frame;
  struct {
    Offset co_argcount, co_nlocals, co_stacksize, co_code, co_consts, co_names, co_varnames,
        co_freevars, co_cellvars, co_filename, co_name, co_firstlineno, co_lnotab;
  } code;
  struct {
    Offset b_type, b_handler, b_level, size;
  } try_block;
  struct {
    Offset ob_shash, ob_sval;
  } bytes;  // a str of 2.7
  struct {
    Offset length, str;
  } unicode;
  struct {
    Offset ma_used, ma_mask, ma_table;
  } dict;
  struct {
    Offset me_hash, me_key, me_value, size;
  } dict_entry;
  struct {
    Offset ob_ival;
  } integer;
  struct {
    Offset ob_digit;
  } long_integer;
  struct {
    Offset in_class, in_dict;
  } instance;
  struct {
    Offset cl_dict, cl_name;
  } class_object;
  struct {
    Offset im_func, im_self;
  } method;
  struct {
    Offset m_ml, m_self, m_module;
  } c_function;
  struct {
    Offset tp_name, tp_basicsize, tp_flags, tp_base, tp_dict, tp_dictoffset;
  } type;
  struct {
    Offset ob_item;
  } tuple;
  struct {
    Offset ob_item;
  } list;
  struct {
    Offset func_code;
  } function;
  struct {
    Offset md_dict;
  } module;
  struct {
    Offset ob_ref;
  } cell;
  struct {
    Offset lock_lock;
  } lock;
};

}  // namespace importlock
