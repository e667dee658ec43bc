#pragma once

#include "cpython/names.hpp"

namespace importlock {

/// The names of CPython 3.6 to 3.13.
extern const Names python3_names;

}  // namespace importlock
