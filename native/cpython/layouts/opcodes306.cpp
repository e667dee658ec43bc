#include <array>

#include "cpython/layouts/opcodes3.hpp"

namespace importlock {

namespace {

// Lib/opcode.py and Python/compile.c stack_effect (as dis.stack_effect tells it) of 3.6. What the
// interpreter does while it runs differs from the compiler's account for what begins and ends
// handlers.
constexpr std::array rows{
    OpcodeRow{0, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // CACHE
    OpcodeRow{1, Opcode::pop_top, 0, -1, ByArgument::none, Flow::next, 0},  // POP_TOP
    OpcodeRow{2, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // ROT_TWO
    OpcodeRow{3, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // ROT_THREE
    OpcodeRow{4, Opcode::dup_top, 0, 1, ByArgument::none, Flow::next, 0},   // DUP_TOP
    OpcodeRow{5, Opcode::other, 0, 2, ByArgument::none, Flow::next, 0},     // DUP_TOP_TWO
    OpcodeRow{9, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // NOP
    OpcodeRow{10, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // UNARY_POSITIVE
    OpcodeRow{11, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // UNARY_NEGATIVE
    OpcodeRow{12, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // UNARY_NOT
    OpcodeRow{15, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // UNARY_INVERT
    OpcodeRow{16, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_MATRIX_MULTIPLY
    OpcodeRow{17, Opcode::other, 0, -1, ByArgument::none, Flow::next,
              0},  // INPLACE_MATRIX_MULTIPLY
    OpcodeRow{19, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_POWER
    OpcodeRow{20, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_MULTIPLY
    OpcodeRow{22, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_MODULO
    OpcodeRow{23, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_ADD
    OpcodeRow{24, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_SUBTRACT
    OpcodeRow{25, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_SUBSCR
    OpcodeRow{26, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_FLOOR_DIVIDE
    OpcodeRow{27, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_TRUE_DIVIDE
    OpcodeRow{28, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_FLOOR_DIVIDE
    OpcodeRow{29, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_TRUE_DIVIDE
    OpcodeRow{50, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // GET_AITER
    OpcodeRow{51, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // GET_ANEXT
    OpcodeRow{52, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // BEFORE_ASYNC_WITH
    OpcodeRow{55, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_ADD
    OpcodeRow{56, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_SUBTRACT
    OpcodeRow{57, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_MULTIPLY
    OpcodeRow{59, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_MODULO
    OpcodeRow{60, Opcode::other, 0, -3, ByArgument::none, Flow::next, 0},  // STORE_SUBSCR
    OpcodeRow{61, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // DELETE_SUBSCR
    OpcodeRow{62, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_LSHIFT
    OpcodeRow{63, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_RSHIFT
    OpcodeRow{64, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_AND
    OpcodeRow{65, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_XOR
    OpcodeRow{66, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BINARY_OR
    OpcodeRow{67, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_POWER
    OpcodeRow{68, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // GET_ITER
    OpcodeRow{69, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // GET_YIELD_FROM_ITER
    OpcodeRow{70, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // PRINT_EXPR
    OpcodeRow{71, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_BUILD_CLASS
    OpcodeRow{72, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // YIELD_FROM
    OpcodeRow{73, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // GET_AWAITABLE
    OpcodeRow{75, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_LSHIFT
    OpcodeRow{76, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_RSHIFT
    OpcodeRow{77, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_AND
    OpcodeRow{78, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_XOR
    OpcodeRow{79, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // INPLACE_OR
    OpcodeRow{80, Opcode::other, 0, 0, ByArgument::none, Flow::end, 0},    // BREAK_LOOP
    OpcodeRow{81, Opcode::with_except_start, 0, 1, ByArgument::none, Flow::next,
              0},                                                          // WITH_CLEANUP_START
    OpcodeRow{82, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // WITH_CLEANUP_FINISH
    OpcodeRow{83, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},   // RETURN_VALUE
    OpcodeRow{84, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // IMPORT_STAR
    OpcodeRow{85, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // SETUP_ANNOTATIONS
    OpcodeRow{86, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // YIELD_VALUE
    OpcodeRow{87, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // POP_BLOCK
    OpcodeRow{88, Opcode::end_finally, 0, -1, ByArgument::none, Flow::end_of_handler,
              0},                                                               // END_FINALLY
    OpcodeRow{89, Opcode::pop_except, 0, -3, ByArgument::none, Flow::next, 0},  // POP_EXCEPT
    OpcodeRow{90, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // STORE_NAME
    OpcodeRow{91, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},        // DELETE_NAME
    OpcodeRow{92, Opcode::other, 0, -1, ByArgument::adds, Flow::next, 0},       // UNPACK_SEQUENCE
    OpcodeRow{93, Opcode::for_iter, 0, 1, ByArgument::none, Flow::may_jump_forward,
              -1},                                                              // FOR_ITER
    OpcodeRow{94, Opcode::other, 0, 0, ByArgument::unpack, Flow::next, 0},      // UNPACK_EX
    OpcodeRow{95, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},       // STORE_ATTR
    OpcodeRow{96, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // DELETE_ATTR
    OpcodeRow{97, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // STORE_GLOBAL
    OpcodeRow{98, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},        // DELETE_GLOBAL
    OpcodeRow{100, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},       // LOAD_CONST
    OpcodeRow{101, Opcode::load_name, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_NAME
    OpcodeRow{102, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_TUPLE
    OpcodeRow{103, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_LIST
    OpcodeRow{104, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_SET
    OpcodeRow{105, Opcode::other, 0, 1, ByArgument::subtracts_twice, Flow::next, 0},  // BUILD_MAP
    OpcodeRow{106, Opcode::load_attr, 0, 0, ByArgument::none, Flow::next, 0},         // LOAD_ATTR
    OpcodeRow{107, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},            // COMPARE_OP
    OpcodeRow{108, Opcode::import_name, 0, -1, ByArgument::none, Flow::next, 0},      // IMPORT_NAME
    OpcodeRow{109, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},             // IMPORT_FROM
    OpcodeRow{110, Opcode::other, 0, 0, ByArgument::none, Flow::jump_forward, 0},  // JUMP_FORWARD
    OpcodeRow{111, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_absolute,
              0},  // JUMP_IF_FALSE_OR_POP
    OpcodeRow{112, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_absolute,
              0},  // JUMP_IF_TRUE_OR_POP
    OpcodeRow{113, Opcode::jump_back, 0, 0, ByArgument::none, Flow::jump_absolute,
              0},  // JUMP_ABSOLUTE
    OpcodeRow{114, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_absolute,
              -1},  // POP_JUMP_IF_FALSE
    OpcodeRow{115, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_absolute,
              -1},                                                               // POP_JUMP_IF_TRUE
    OpcodeRow{116, Opcode::load_global, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_GLOBAL
    OpcodeRow{119, Opcode::jump_back, 0, 0, ByArgument::none, Flow::end, 0},     // CONTINUE_LOOP
    OpcodeRow{120, Opcode::other, 0, 0, ByArgument::none, Flow::may_jump_forward, 0},  // SETUP_LOOP
    OpcodeRow{121, Opcode::other, 0, 0, ByArgument::none, Flow::handler, 6},  // SETUP_EXCEPT
    OpcodeRow{122, Opcode::setup_finally, 0, 0, ByArgument::none, Flow::handler,
              6},                                                              // SETUP_FINALLY
    OpcodeRow{124, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_FAST
    OpcodeRow{125, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},     // STORE_FAST
    OpcodeRow{126, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},      // DELETE_FAST
    OpcodeRow{127, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},     // STORE_ANNOTATION
    OpcodeRow{130, Opcode::other, 0, 0, ByArgument::subtracts, Flow::end, 0},  // RAISE_VARARGS
    OpcodeRow{131, Opcode::call_function, 0, 0, ByArgument::subtracts, Flow::next,
              0},                                                               // CALL_FUNCTION
    OpcodeRow{132, Opcode::other, 0, -1, ByArgument::function, Flow::next, 0},  // MAKE_FUNCTION
    OpcodeRow{133, Opcode::other, 0, -1, ByArgument::slice, Flow::next, 0},     // BUILD_SLICE
    OpcodeRow{135, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},       // LOAD_CLOSURE
    OpcodeRow{136, Opcode::load_deref, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_DEREF
    OpcodeRow{137, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // STORE_DEREF
    OpcodeRow{138, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},       // DELETE_DEREF
    OpcodeRow{141, Opcode::call_function_kw, 0, -1, ByArgument::subtracts, Flow::next,
              0},  // CALL_FUNCTION_KW
    OpcodeRow{142, Opcode::call_function_ex, 0, -1, ByArgument::low_bit_subtracts, Flow::next,
              0},  // CALL_FUNCTION_EX
    OpcodeRow{143, Opcode::setup_with, 0, 1, ByArgument::none, Flow::handler, 6},  // SETUP_WITH
    OpcodeRow{144, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},         // EXTENDED_ARG
    OpcodeRow{145, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // LIST_APPEND
    OpcodeRow{146, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // SET_ADD
    OpcodeRow{147, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},         // MAP_ADD
    OpcodeRow{148, Opcode::load_deref, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_CLASSDEREF
    OpcodeRow{149, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_LIST_UNPACK
    OpcodeRow{150, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_MAP_UNPACK
    OpcodeRow{151, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next,
              0},  // BUILD_MAP_UNPACK_WITH_CALL
    OpcodeRow{152, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next,
              0},  // BUILD_TUPLE_UNPACK
    OpcodeRow{153, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_SET_UNPACK
    OpcodeRow{154, Opcode::other, 0, 0, ByArgument::none, Flow::handler, 5},    // SETUP_ASYNC_WITH
    OpcodeRow{155, Opcode::other, 0, 0, ByArgument::format, Flow::next, 0},     // FORMAT_VALUE
    OpcodeRow{156, Opcode::other, 0, 0, ByArgument::subtracts, Flow::next,
              0},  // BUILD_CONST_KEY_MAP
    OpcodeRow{157, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_STRING
    OpcodeRow{158, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next,
              0},  // BUILD_TUPLE_UNPACK_WITH_CALL
};

}  // namespace

const OpcodeTable python306_opcodes{144, false, 1, rows, {}};

}  // namespace importlock
