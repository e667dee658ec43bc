#pragma once

#include "cpython/names.hpp"

namespace importlock {

/// The names of CPython 3.6 to 3.12, of 3.13 and of 3.14.
extern const Names python3_names, python313_names, python314_names;

}  // namespace importlock
