#pragma once

#include "cpython/layout.hpp"

namespace importlock {

/// The layout of a build of CPython 2.7 with pointers of `word` bytes (4 or 8). 2.7.0 to 2.7.18
/// agree; a pydebug build (Py_TRACE_REFS) puts two pointers before every object. Sources:
/// Include/object.h, pystate.h, frameobject.h, code.h, stringobject.h and their like; measured with
/// gdb's ptype on 2.7.5, 2.7.8 and 2.7.18.
Layout python27_layout(unsigned word, bool pydebug, unsigned unicode_width);

}  // namespace importlock
