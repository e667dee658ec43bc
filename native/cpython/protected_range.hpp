#pragma once

#include <cstddef>

namespace importlock {

/// A range of byte code whose exceptions go to a handler; offsets in bytes.
struct ProtectedRange {
  std::size_t start = 0, end = 0;
  std::size_t handler = 0;
  std::size_t depth = 0;    ///< of the value stack when the handler begins, without the exception
  bool with_lasti = false;  ///< the offset of the instruction lies below the exception
};

}  // namespace importlock
