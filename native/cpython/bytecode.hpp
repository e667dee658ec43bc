#pragma once

#include <cstddef>
#include <cstdint>

namespace importlock {

/// What we look at byte code for, by the name of the opcode that does it in most versions. Each
/// version's table (layouts/) gives the numbers.
enum class Opcode : std::uint8_t {
  other,
  prefix,  ///< changes nothing of what we look for, and is passed over
  pop_top,
  dup_top,
  pop_except,
  push_exc_info,
  check_exc_match,
  with_except_start,
  end_finally,  ///< the end of a handler; RERAISE from 3.9 on
  load_name,
  load_global,
  load_fast,
  load_deref,
  load_attr,  ///< LOAD_METHOD too
  import_name,
  for_iter,
  call_function,     ///< a call whose arguments stand one by one on the value stack
  call_function_kw,  ///< the same with the tuple of the keywords above them
  call_function_ex,  ///< a call with a tuple of arguments
  setup_with,        ///< takes an object's __exit__ and calls its __enter__
  setup_finally,
  jump_back,  ///< to where a loop begins; its argument is that offset
};

struct Instruction {
  Opcode opcode{};
  std::uint8_t number = 0;     ///< of its opcode, in the target's version
  std::uint32_t argument = 0;  ///< EXTENDED_ARG folded in; an index where names are loaded by one
  std::size_t next = 0;        ///< offset of the instruction after it
  std::size_t start = 0;       ///< its own offset, past what was passed over before it
  bool branches = false;       ///< jumps where a value is true, or where it is not
};

}  // namespace importlock
