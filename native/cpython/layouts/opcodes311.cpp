#include <array>

#include "cpython/layouts/opcodes3.hpp"

namespace importlock {

namespace {

// Lib/opcode.py, Python/compile.c stack_effect (as dis.stack_effect tells it) and
// Include/internal/pycore_opcode*.h _PyOpcode_Caches of 3.11. What the interpreter does while it
// runs differs from the compiler's account for
// PRECALL and CALL, which take nothing away before they have called.
constexpr std::array rows{
    OpcodeRow{0, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},          // CACHE
    OpcodeRow{1, Opcode::pop_top, 0, -1, ByArgument::none, Flow::next, 0},        // POP_TOP
    OpcodeRow{2, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},          // PUSH_NULL
    OpcodeRow{9, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},          // NOP
    OpcodeRow{10, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},          // UNARY_POSITIVE
    OpcodeRow{11, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},          // UNARY_NEGATIVE
    OpcodeRow{12, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},          // UNARY_NOT
    OpcodeRow{15, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},          // UNARY_INVERT
    OpcodeRow{25, Opcode::other, 4, -1, ByArgument::none, Flow::next, 0},         // BINARY_SUBSCR
    OpcodeRow{30, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},          // GET_LEN
    OpcodeRow{31, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},          // MATCH_MAPPING
    OpcodeRow{32, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},          // MATCH_SEQUENCE
    OpcodeRow{33, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},          // MATCH_KEYS
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
    OpcodeRow{60, Opcode::other, 1, -3, ByArgument::none, Flow::next, 0},      // STORE_SUBSCR
    OpcodeRow{61, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},      // DELETE_SUBSCR
    OpcodeRow{68, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},       // GET_ITER
    OpcodeRow{69, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // GET_YIELD_FROM_ITER
    OpcodeRow{70, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // PRINT_EXPR
    OpcodeRow{71, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_BUILD_CLASS
    OpcodeRow{74, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_ASSERTION_ERROR
    OpcodeRow{75, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // RETURN_GENERATOR
    OpcodeRow{82, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // LIST_TO_TUPLE
    OpcodeRow{83, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},   // RETURN_VALUE
    OpcodeRow{84, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // IMPORT_STAR
    OpcodeRow{85, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // SETUP_ANNOTATIONS
    OpcodeRow{86, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // YIELD_VALUE
    OpcodeRow{87, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // ASYNC_GEN_WRAP
    OpcodeRow{88, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // PREP_RERAISE_STAR
    OpcodeRow{89, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // POP_EXCEPT
    OpcodeRow{90, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_NAME
    OpcodeRow{91, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_NAME
    OpcodeRow{92, Opcode::other, 1, -1, ByArgument::adds, Flow::next, 0},  // UNPACK_SEQUENCE
    OpcodeRow{93, Opcode::for_iter, 0, 1, ByArgument::none, Flow::may_jump_forward,
              -1},                                                              // FOR_ITER
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
    OpcodeRow{105, Opcode::other, 0, 1, ByArgument::subtracts_twice, Flow::next, 0},  // BUILD_MAP
    OpcodeRow{106, Opcode::load_attr, 4, 0, ByArgument::none, Flow::next, 0},         // LOAD_ATTR
    OpcodeRow{107, Opcode::other, 2, -1, ByArgument::none, Flow::next, 0},            // COMPARE_OP
    OpcodeRow{108, Opcode::import_name, 0, -1, ByArgument::none, Flow::next, 0},      // IMPORT_NAME
    OpcodeRow{109, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},             // IMPORT_FROM
    OpcodeRow{110, Opcode::other, 0, 0, ByArgument::none, Flow::jump_forward, 0},  // JUMP_FORWARD
    OpcodeRow{111, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              0},  // JUMP_IF_FALSE_OR_POP
    OpcodeRow{112, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              0},  // JUMP_IF_TRUE_OR_POP
    OpcodeRow{114, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_FORWARD_IF_FALSE
    OpcodeRow{115, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_FORWARD_IF_TRUE
    OpcodeRow{116, Opcode::load_global, 5, 1, ByArgument::low_bit_adds, Flow::next,
              0},                                                                // LOAD_GLOBAL
    OpcodeRow{117, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // IS_OP
    OpcodeRow{118, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},       // CONTAINS_OP
    OpcodeRow{119, Opcode::end_finally, 0, -1, ByArgument::none, Flow::end, 0},  // RERAISE
    OpcodeRow{120, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},        // COPY
    OpcodeRow{122, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},       // BINARY_OP
    OpcodeRow{123, Opcode::other, 0, 0, ByArgument::none, Flow::may_jump_forward, -1},  // SEND
    OpcodeRow{124, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},           // LOAD_FAST
    OpcodeRow{125, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_FAST
    OpcodeRow{126, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_FAST
    OpcodeRow{128, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_FORWARD_IF_NOT_NONE
    OpcodeRow{129, Opcode::other, 0, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_FORWARD_IF_NONE
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
    OpcodeRow{142, Opcode::call_function_ex, 0, -2, ByArgument::low_bit_subtracts, Flow::next,
              0},                                                               // CALL_FUNCTION_EX
    OpcodeRow{144, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},      // EXTENDED_ARG
    OpcodeRow{145, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // LIST_APPEND
    OpcodeRow{146, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // SET_ADD
    OpcodeRow{147, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},      // MAP_ADD
    OpcodeRow{148, Opcode::load_deref, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_CLASSDEREF
    OpcodeRow{149, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},      // COPY_FREE_VARS
    OpcodeRow{151, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},      // RESUME
    OpcodeRow{152, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},      // MATCH_CLASS
    OpcodeRow{155, Opcode::other, 0, 0, ByArgument::format, Flow::next, 0},     // FORMAT_VALUE
    OpcodeRow{156, Opcode::other, 0, 0, ByArgument::subtracts, Flow::next,
              0},  // BUILD_CONST_KEY_MAP
    OpcodeRow{157, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},  // BUILD_STRING
    OpcodeRow{160, Opcode::load_attr, 10, 1, ByArgument::none, Flow::next, 0},  // LOAD_METHOD
    OpcodeRow{162, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // LIST_EXTEND
    OpcodeRow{163, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // SET_UPDATE
    OpcodeRow{164, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // DICT_MERGE
    OpcodeRow{165, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},      // DICT_UPDATE
    OpcodeRow{166, Opcode::prefix, 1, 0, ByArgument::none, Flow::next, 0},      // PRECALL
    OpcodeRow{171, Opcode::call_function, 4, -1, ByArgument::subtracts, Flow::next, 0},  // CALL
    OpcodeRow{172, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},               // KW_NAMES
    OpcodeRow{173, Opcode::jump_back, 0, -1, ByArgument::none, Flow::may_jump_backward,
              -1},  // POP_JUMP_BACKWARD_IF_NOT_NONE
    OpcodeRow{174, Opcode::jump_back, 0, -1, ByArgument::none, Flow::may_jump_backward,
              -1},  // POP_JUMP_BACKWARD_IF_NONE
    OpcodeRow{175, Opcode::jump_back, 0, -1, ByArgument::none, Flow::may_jump_backward,
              -1},  // POP_JUMP_BACKWARD_IF_FALSE
    OpcodeRow{176, Opcode::jump_back, 0, -1, ByArgument::none, Flow::may_jump_backward,
              -1},  // POP_JUMP_BACKWARD_IF_TRUE
};

constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, 71> specialised{
    {{3, 122},   {4, 122},   {5, 122},  {6, 122},  {7, 122},   {8, 122},   {13, 122},  {14, 122},
     {16, 122},  {17, 25},   {18, 25},  {19, 25},  {20, 25},   {21, 25},   {22, 171},  {23, 171},
     {24, 171},  {26, 107},  {27, 107}, {28, 107}, {29, 107},  {34, 144},  {38, 140},  {39, 106},
     {40, 106},  {41, 106},  {42, 106}, {43, 106}, {44, 100},  {45, 124},  {46, 124},  {47, 116},
     {48, 116},  {55, 116},  {56, 160}, {57, 160}, {58, 160},  {59, 160},  {62, 160},  {63, 160},
     {64, 166},  {65, 166},  {66, 166}, {67, 166}, {72, 166},  {73, 166},  {76, 166},  {77, 166},
     {78, 166},  {79, 166},  {80, 166}, {81, 166}, {113, 166}, {121, 166}, {127, 166}, {141, 166},
     {143, 166}, {150, 151}, {153, 95}, {154, 95}, {158, 95},  {159, 95},  {161, 125}, {167, 125},
     {168, 60},  {169, 60},  {170, 60}, {177, 92}, {178, 92},  {179, 92},  {180, 92}}};

}  // namespace

const OpcodeTable python311_opcodes{144, rows, specialised};

}  // namespace importlock
