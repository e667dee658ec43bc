#!/usr/bin/env python3
"""Prints measured3.cpp: where builds of CPython 3 keep the fields that Layout has, as gdb finds them
in the debug information of an executable or a libpython of each. What is no offset, such as the
families, stays in python3.cpp. An architecture is one of Architecture's.

usage: make_layouts.py [--debug DIRECTORY]... ARCHITECTURE:3.N=FILE... |
           clang-format --assume-filename=measured3.cpp > measured3.cpp
"""
import argparse
import json
import os
import re
import subprocess
import sys

try:
    import gdb
except ImportError:  # it is not gdb that runs this
    gdb = None

# By the members of Layout (layout.hpp): the places where versions keep that, of which the first
# that there is counts. `type: field.field` is an offset, `sizeof type: field` a size, `with field` is
# 0 for a type without it, and `from type: field to inner` an offset within that field.
FRAME = "struct _frame"
RUNTIME = "_PyRuntimeState"
INTERPRETER = "PyInterpreterState"
THREAD = "PyThreadState"
INNER = "_PyInterpreterFrame", "struct _PyInterpreterFrame"
CODE = "PyCodeObject"
ASCII, COMPACT = "PyASCIIObject", "PyCompactUnicodeObject"
KEYS = "struct _dictkeysobject"
GIL = "struct _gil_runtime_state"


def fields(member, types, *names, **others):
    """A row for each field that has the name of its member, or others={member: places}."""
    types = (types,) if isinstance(types, str) else types
    rows = {name: (name,) for name in names} | others
    return {f"{member}.{name}": tuple(f"{type}: {place}" for type in types for place in places)
            for name, places in rows.items()}


MEMBERS = {
    **fields("object", "PyVarObject", ob_type=("ob_base.ob_type",), ob_size=("ob_size",)),
    **fields("interpreter_state", INTERPRETER, "next", tstate_head=("tstate_head", "threads.head"),
             modules=("modules", "imports.modules"), sysdict=("sysdict",)),
    **fields("thread_state", THREAD, "next", "interp", frame=("frame", "current_frame", "cframe"),
             thread_id=("thread_id",)),
    **fields("thread_state", THREAD, "native_thread_id"),
    **fields("cframe", ("_PyCFrame", "struct _PyCFrame"), "current_frame"),
    **fields("frame", FRAME, "f_back", "f_code", "f_builtins", "f_globals", "f_locals", "f_valuestack",
             "f_trace", "f_lasti", "f_lineno", "f_iblock", "f_blockstack", "f_localsplus"),
    **fields("interpreter_frame", INNER, f_code=("f_code", "f_executable"), f_globals=("f_globals",),
             f_locals=("f_locals",), previous=("previous",), prev_instr=("prev_instr", "instr_ptr"),
             owner=("owner",), localsplus=("localsplus",), stacktop=("stacktop",)),
    **fields("code", CODE, "co_argcount", "co_nlocals", "co_stacksize", "co_code", "co_consts",
             "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_filename", "co_name",
             "co_firstlineno", co_lnotab=("co_linetable", "co_lnotab")),
    **fields("adaptive_code", CODE, "co_code_adaptive", "co_nlocalsplus", "co_localsplusnames",
             "co_localspluskinds", "co_exceptiontable"),
    **fields("try_block", "PyTryBlock", "b_type", "b_handler", "b_level"),
    "try_block.size": ("sizeof PyTryBlock",),
    **fields("bytes", "PyBytesObject", "ob_shash", "ob_sval"),
    **fields("flexible_unicode", ASCII, "length", "hash", "state"),
    "flexible_unicode.ascii_data": (f"sizeof {ASCII}",),
    "flexible_unicode.compact_data": (f"sizeof {COMPACT}",),
    **fields("flexible_unicode", "PyUnicodeObject", "data"),
    **fields("split_dict", "PyDictObject", "ma_keys", "ma_values"),
    **fields("dict_keys", KEYS, "dk_size", "dk_log2_size", "dk_log2_index_bytes", "dk_kind",
             "dk_nentries", "dk_indices"),
    **fields("float_object", "PyFloatObject", "ob_fval"),
    **fields("long_integer", "PyLongObject", ob_digit=("ob_digit", "long_value.ob_digit")),
    "long_integer.digit_size": ("sizeof digit",),
    **fields("method", "PyMethodObject", "im_func", "im_self"),
    **fields("c_function", "PyCFunctionObject", "m_ml", "m_self", "m_module"),
    **fields("c_function", "PyCMethodObject", "mm_class"),
    **fields("method_descriptor", "PyMethodDescrObject", d_type=("d_common.d_type",),
             d_method=("d_method",)),
    **fields("type", "PyTypeObject", "tp_name", "tp_basicsize", "tp_flags", "tp_base", "tp_dict",
             "tp_dictoffset", "tp_subclasses"),
    **fields("managed", "PyHeapTypeObject", "ht_cached_keys"),
    **fields("managed", "struct _dictvalues", "values"),
    **fields("tuple", "PyTupleObject", "ob_item"),
    **fields("list", "PyListObject", "ob_item"),
    **fields("function", "PyFunctionObject", "func_code"),
    **fields("module", "PyModuleObject", "md_dict"),
    **fields("cell", "PyCellObject", "ob_ref"),
    **fields("call_iterator", "calliterobject", "it_callable"),
    **fields("weakref", "PyWeakReference", "wr_object"),
    **fields("lock", "lockobject", lock_lock=("lock_lock", "lock")),
    "lock.size_with_mutex": ("sizeof lockobject with lock",),
    **fields("rlock", "rlockobject", rlock_lock=("rlock_lock", "lock"),
             rlock_owner=("rlock_owner", "lock.thread"), rlock_count=("rlock_count", "lock.level")),
    "rlock.size_with_mutex": ("sizeof rlockobject with lock",),
    **fields("thread_handle", "PyThreadHandleObject", "handle"),
    **fields("thread_handle", "ThreadHandle", "thread_is_exiting"),
    **fields("gil", GIL, "last_holder", "locked", "cond"),
    "gil.cond_size": (f"sizeof {GIL}: cond",),
    **fields("runtime", RUNTIME, interpreters_head=("interpreters.head",), gil=("ceval.gil",),
             tstate_current=("gilstate.tstate_current",)),
    "runtime.interpreter_gil": (f"{INTERPRETER}: ceval.gil",),
    "runtime.interpreter_import_lock": (f"{INTERPRETER}: imports.lock",),
    "import_lock.thread": (f"from {INTERPRETER}: imports.lock to thread",),
    "import_lock.level": (f"from {INTERPRETER}: imports.lock to level",),
}
SIZE = f"sizeof {RUNTIME}"
# What versions do not have, by std::optional.
OPTIONAL = ("thread_state.native_thread_id", "cframe.current_frame", "interpreter_frame.stacktop")
# What versions have that is not read of them.
NOT_READ = {
    "cframe.current_frame": range(11),
    "frame": range(11, 100),
    "managed": range(11),
    "code.co_code": range(11, 100),
}


def field_of(type, path):
    """That field of a type, and its offset in bytes; None where there is none."""
    offset = 0
    field = None
    for name in path.split("."):
        field = next((each for each in type.strip_typedefs().fields() if each.name == name), None)
        if field is None:
            return None
        offset += field.bitpos // 8
        type = field.type
    return field, offset


def measured(place):
    """What the debug information says of a place; None where it has no such type or field."""
    how, start, path, inner = re.fullmatch(
        r"(sizeof |from |)([^:]+?)(?:: ([\w.]+)| with (?:\w+))?(?: to (\w+))?", place).groups()
    try:
        type = gdb.lookup_type(start).strip_typedefs()
    except gdb.error:
        return None
    if path is None:
        _, _, needed = place.partition(" with ")
        return type.sizeof if not needed or field_of(type, needed) else 0
    found = field_of(type, path)
    if found is None:
        return None
    field, offset = found
    if how == "sizeof ":
        return field.type.sizeof
    if how == "from ":
        within = field_of(field.type, inner)
        return within and within[1]
    return offset


def measure():
    result = {member: next((value for value in map(measured, places) if value is not None), None)
              for member, places in MEMBERS.items()}
    return {**result, "size": measured(SIZE)}


def measure_in_gdb(file, directories):
    options = ["-iex", f"set debug-file-directory {':'.join(directories)}"] if directories else []
    ran = subprocess.run(
        [os.environ.get("GDB", "gdb-multiarch"), "-nx", "-q", "-batch", *options, file,
         "-x", os.path.abspath(__file__)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = json.loads((ran.stdout.splitlines() or ["{}"])[-1])
    if not found.get("size"):
        sys.exit(f"make_layouts.py: {file}: no debug information\n{ran.stderr}")
    return found


def is_read(member, minor):
    return not any(minor in minors for name, minors in NOT_READ.items()
                   if member == name or member.startswith(f"{name}."))


def rows(builds):
    for member in MEMBERS:
        offsets = [build[member] if is_read(member, minor) else None
                   for (_, minor), build in builds.items()]
        if all(offset is None for offset in offsets):
            continue
        cells = ", ".join("none" if offset is None else str(offset) for offset in offsets)
        field = f"at.{member}{'.value()' if member in OPTIONAL else ''}"
        yield f"    Row{{{{{cells}}}, [](Layout& at) -> Offset& {{ return {field}; }}}},"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--debug", action="append", default=[], metavar="DIRECTORY")
    parser.add_argument("builds", nargs="+", metavar="ARCHITECTURE:3.N=FILE")
    given = parser.parse_args()
    builds = {}
    for each in given.builds:
        architecture, minor, file = re.fullmatch(r"(\w+):3\.(\d+)=(.+)", each).groups()
        builds[architecture, int(minor)] = measure_in_gdb(file, given.debug)
    print("""#include "cpython/layouts/measured3.hpp"

#include <array>

namespace importlock {

namespace {

using Offset = Layout::Offset;

constexpr Offset none = ~Offset{0};

struct Row {""")
    print(f"  std::array<Offset, {len(builds)}> offsets;")
    print("""  Offset& (*field)(Layout&);
};

// Printed by make_layouts.py; a column each for
// """ + ", ".join(f"{architecture} 3.{minor}" for architecture, minor in builds) + """.
constexpr std::array rows{""")
    print("\n".join(rows(builds)))
    print("""};

constexpr auto column(std::size_t build) {
  std::array<MeasuredOffset, rows.size()> offsets{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto offset = rows[i].offsets[build];
    offsets[i] = {offset == none ? std::nullopt : std::optional(offset), rows[i].field};
  }
  return offsets;
}
""")
    print("\n".join(f"constexpr auto {architecture}_3{minor} = column({number});"
                    for number, (architecture, minor) in enumerate(builds)))
    print("\nconstexpr std::array all{")
    for (architecture, minor), build in builds.items():
        print(f"    MeasuredBuild{{Architecture::{architecture}, {minor}, {build['size']}, "
              f"{architecture}_3{minor}}},")
    print("""};

}  // namespace

const std::span<const MeasuredBuild> measured_builds = all;

}  // namespace importlock""")


if gdb:
    print(json.dumps(measure()))
else:
    main()
