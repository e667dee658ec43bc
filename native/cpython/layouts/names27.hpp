#pragma once

#include "cpython/names.hpp"

namespace importlock {

/// The names of CPython 2.7.
extern const Names python27_names;

}  // namespace importlock
