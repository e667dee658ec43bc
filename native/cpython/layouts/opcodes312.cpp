#include <array>

#include "cpython/layouts/opcodes3.hpp"

namespace importlock {

namespace {

// Lib/opcode.py, Python/compile.c stack_effect (as dis.stack_effect tells it) and
// Include/internal/pycore_opcode*.h _PyOpcode_Caches of 3.12. What the interpreter does while it
// runs differs from the compiler's account for
// RETURN_GENERATOR.
constexpr std::array rows{
    OpcodeRow{0, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // CACHE
    OpcodeRow{1, Opcode::pop_top, 0, -1, ByArgument::none, Flow::next, 0},  // POP_TOP
    OpcodeRow{2, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},    // PUSH_NULL
    OpcodeRow{3, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},     // INTERPRETER_EXIT
    OpcodeRow{4, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},    // END_FOR
    OpcodeRow{5, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // END_SEND
    OpcodeRow{9, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // NOP
    OpcodeRow{11, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // UNARY_NEGATIVE
    OpcodeRow{12, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // UNARY_NOT
    OpcodeRow{15, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // UNARY_INVERT
    OpcodeRow{25, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},   // BINARY_SUBSCR
    OpcodeRow{26, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},   // BINARY_SLICE
    OpcodeRow{27, Opcode::other, 0, -4, ByArgument::none, Flow::next, 0},   // STORE_SLICE
    OpcodeRow{30, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},    // GET_LEN
    OpcodeRow{31, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},    // MATCH_MAPPING
    OpcodeRow{32, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},    // MATCH_SEQUENCE
    OpcodeRow{33, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},    // MATCH_KEYS
    OpcodeRow{35, Opcode::push_exc_info, 0, 1, ByArgument::none, Flow::next, 0},  // PUSH_EXC_INFO
    OpcodeRow{36, Opcode::check_exc_match, 0, 0, ByArgument::none, Flow::next,
              0},                                                         // CHECK_EXC_MATCH
    OpcodeRow{37, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},  // CHECK_EG_MATCH
    OpcodeRow{49, Opcode::with_except_start, 0, 1, ByArgument::none, Flow::next,
              0},                                                              // WITH_EXCEPT_START
    OpcodeRow{50, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},       // GET_AITER
    OpcodeRow{51, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},       // GET_ANEXT
    OpcodeRow{52, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},       // BEFORE_ASYNC_WITH
    OpcodeRow{53, Opcode::setup_with, 0, 1, ByArgument::none, Flow::next, 0},  // BEFORE_WITH
    OpcodeRow{54, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},      // END_ASYNC_FOR
    OpcodeRow{55, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // CLEANUP_THROW
    OpcodeRow{60, Opcode::other, 1, -3, ByArgument::none, Flow::next, 0},      // STORE_SUBSCR
    OpcodeRow{61, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},      // DELETE_SUBSCR
    OpcodeRow{68, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},       // GET_ITER
    OpcodeRow{69, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // GET_YIELD_FROM_ITER
    OpcodeRow{71, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_BUILD_CLASS
    OpcodeRow{74, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_ASSERTION_ERROR
    OpcodeRow{75, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // RETURN_GENERATOR
    OpcodeRow{83, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},   // RETURN_VALUE
    OpcodeRow{85, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // SETUP_ANNOTATIONS
    OpcodeRow{87, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_LOCALS
    OpcodeRow{89, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // POP_EXCEPT
    OpcodeRow{90, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_NAME
    OpcodeRow{91, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_NAME
    OpcodeRow{92, Opcode::other, 1, -1, ByArgument::adds, Flow::next, 0},  // UNPACK_SEQUENCE
    OpcodeRow{93, Opcode::for_iter, 1, 1, ByArgument::none, Flow::may_jump_forward, 1},  // FOR_ITER
    OpcodeRow{94, Opcode::other, 0, 0, ByArgument::unpack, Flow::next, 0},      // UNPACK_EX
    OpcodeRow{95, Opcode::other, 4, -2, ByArgument::none, Flow::next, 0},       // STORE_ATTR
    OpcodeRow{96, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // DELETE_ATTR
    OpcodeRow{97, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // STORE_GLOBAL
    OpcodeRow{98, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},        // DELETE_GLOBAL
    OpcodeRow{99, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},        // SWAP
    OpcodeRow{100, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},       // LOAD_CONST
    OpcodeRow{101, Opcode::load_name, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_NAME
    OpcodeRow{102, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_TUPLE
    OpcodeRow{103, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_LIST
    OpcodeRow{104, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_SET
    OpcodeRow{105, Opcode::other, 0, 1, ByArgument::subtracts_twice, Flow::next, 0},   // BUILD_MAP
    OpcodeRow{106, Opcode::load_attr, 9, 0, ByArgument::low_bit_adds, Flow::next, 0},  // LOAD_ATTR
    OpcodeRow{107, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},             // COMPARE_OP
    OpcodeRow{108, Opcode::import_name, 0, -1, ByArgument::none, Flow::next, 0},   // IMPORT_NAME
    OpcodeRow{109, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},          // IMPORT_FROM
    OpcodeRow{110, Opcode::other, 0, 0, ByArgument::none, Flow::jump_forward, 0},  // JUMP_FORWARD
    OpcodeRow{114, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_FALSE
    OpcodeRow{115, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_TRUE
    OpcodeRow{116, Opcode::load_global, 4, 1, ByArgument::low_bit_adds, Flow::next,
              0},                                                                // LOAD_GLOBAL
    OpcodeRow{117, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // IS_OP
    OpcodeRow{118, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // CONTAINS_OP
    OpcodeRow{119, Opcode::end_finally, 0, -1, ByArgument::none, Flow::end, 0},  // RERAISE
    OpcodeRow{120, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},        // COPY
    OpcodeRow{121, Opcode::other, 0, 0, ByArgument::none, Flow::end, 0},         // RETURN_CONST
    OpcodeRow{122, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},       // BINARY_OP
    OpcodeRow{123, Opcode::other, 1, 0, ByArgument::none, Flow::may_jump_forward, 0},  // SEND
    OpcodeRow{124, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},          // LOAD_FAST
    OpcodeRow{125, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},             // STORE_FAST
    OpcodeRow{126, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},      // DELETE_FAST
    OpcodeRow{127, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_FAST_CHECK
    OpcodeRow{128, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_NOT_NONE
    OpcodeRow{129, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},                                                             // POP_JUMP_IF_NONE
    OpcodeRow{130, Opcode::other, 0, 0, ByArgument::subtracts, Flow::end, 0},  // RAISE_VARARGS
    OpcodeRow{131, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},      // GET_AWAITABLE
    OpcodeRow{132, Opcode::other, 0, 0, ByArgument::function, Flow::next, 0},  // MAKE_FUNCTION
    OpcodeRow{133, Opcode::other, 0, -1, ByArgument::slice, Flow::next, 0},    // BUILD_SLICE
    OpcodeRow{134, Opcode::other, 0, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD_NO_INTERRUPT
    OpcodeRow{135, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},      // MAKE_CELL
    OpcodeRow{136, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},       // LOAD_CLOSURE
    OpcodeRow{137, Opcode::load_deref, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_DEREF
    OpcodeRow{138, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // STORE_DEREF
    OpcodeRow{139, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},       // DELETE_DEREF
    OpcodeRow{140, Opcode::jump_back, 0, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD
    OpcodeRow{141, Opcode::other, 1, -2, ByArgument::low_bit_adds, Flow::next,
              0},  // LOAD_SUPER_ATTR
    OpcodeRow{142, Opcode::call_function_ex, 0, -2, ByArgument::low_bit_subtracts, Flow::next,
              0},                                                            // CALL_FUNCTION_EX
    OpcodeRow{143, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},    // LOAD_FAST_AND_CLEAR
    OpcodeRow{144, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},   // EXTENDED_ARG
    OpcodeRow{145, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},   // LIST_APPEND
    OpcodeRow{146, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},   // SET_ADD
    OpcodeRow{147, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},   // MAP_ADD
    OpcodeRow{149, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},   // COPY_FREE_VARS
    OpcodeRow{150, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // YIELD_VALUE
    OpcodeRow{151, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},   // RESUME
    OpcodeRow{152, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},   // MATCH_CLASS
    OpcodeRow{155, Opcode::other, 0, 0, ByArgument::format, Flow::next, 0},  // FORMAT_VALUE
    OpcodeRow{156, Opcode::other, 0, 0, ByArgument::subtracts, Flow::next,
              0},  // BUILD_CONST_KEY_MAP
    OpcodeRow{157, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_STRING
    OpcodeRow{162, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // LIST_EXTEND
    OpcodeRow{163, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // SET_UPDATE
    OpcodeRow{164, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // DICT_MERGE
    OpcodeRow{165, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // DICT_UPDATE
    OpcodeRow{171, Opcode::call_function, 3, -1, ByArgument::subtracts, Flow::next, 0},  // CALL
    OpcodeRow{172, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},               // KW_NAMES
    OpcodeRow{173, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // CALL_INTRINSIC_1
    OpcodeRow{174, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // CALL_INTRINSIC_2
    OpcodeRow{175, Opcode::other, 0, 0, ByArgument::none, Flow::next,
              0},  // LOAD_FROM_DICT_OR_GLOBALS
    OpcodeRow{176, Opcode::other, 0, 0, ByArgument::none, Flow::next,
              0},  // LOAD_FROM_DICT_OR_DEREF
};

constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, 80> specialised{
    {{6, 122},   {7, 122},   {8, 122},   {10, 122},  {13, 122},  {14, 122},  {16, 122},  {18, 122},
     {19, 25},   {20, 25},   {21, 25},   {22, 25},   {23, 171},  {24, 171},  {28, 171},  {29, 171},
     {34, 171},  {38, 171},  {39, 171},  {40, 171},  {41, 171},  {42, 171},  {43, 171},  {44, 171},
     {45, 171},  {46, 171},  {47, 171},  {48, 171},  {56, 171},  {57, 107},  {58, 107},  {59, 107},
     {62, 93},   {63, 93},   {64, 93},   {65, 93},   {66, 141},  {67, 141},  {70, 106},  {72, 106},
     {73, 106},  {76, 106},  {77, 106},  {78, 106},  {79, 106},  {80, 106},  {81, 106},  {82, 106},
     {84, 100},  {86, 124},  {88, 124},  {111, 116}, {112, 116}, {113, 95},  {148, 95},  {153, 95},
     {154, 125}, {158, 125}, {159, 60},  {160, 60},  {161, 92},  {166, 92},  {167, 92},  {168, 123},
     {237, 141}, {238, 129}, {239, 128}, {240, 151}, {241, 171}, {242, 83},  {243, 150}, {244, 142},
     {245, 110}, {246, 140}, {247, 121}, {248, 93},  {249, 114}, {250, 115}, {251, 4},   {252, 5}}};

}  // namespace

const OpcodeTable python312_opcodes{144, rows, specialised};

}  // namespace importlock
