#include <array>

#include "cpython/layouts/opcodes3.hpp"

namespace importlock {

namespace {

// Lib/opcode.py, Python/compile.c stack_effect (as dis.stack_effect tells it) and
// Include/internal/pycore_opcode*.h _PyOpcode_Caches of 3.13. What the interpreter does while it
// runs differs from the compiler's account for
// RETURN_GENERATOR.
constexpr std::array rows{
    OpcodeRow{0, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},      // CACHE
    OpcodeRow{1, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},       // BEFORE_ASYNC_WITH
    OpcodeRow{2, Opcode::setup_with, 0, 1, ByArgument::none, Flow::next, 0},  // BEFORE_WITH
    OpcodeRow{4, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},      // BINARY_SLICE
    OpcodeRow{5, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},      // BINARY_SUBSCR
    OpcodeRow{6, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},       // CHECK_EG_MATCH
    OpcodeRow{7, Opcode::check_exc_match, 0, 0, ByArgument::none, Flow::next,
              0},                                                            // CHECK_EXC_MATCH
    OpcodeRow{8, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},     // CLEANUP_THROW
    OpcodeRow{9, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},     // DELETE_SUBSCR
    OpcodeRow{10, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},    // END_ASYNC_FOR
    OpcodeRow{11, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // END_FOR
    OpcodeRow{12, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // END_SEND
    OpcodeRow{13, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // EXIT_INIT_CHECK
    OpcodeRow{14, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // FORMAT_SIMPLE
    OpcodeRow{15, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // FORMAT_WITH_SPEC
    OpcodeRow{16, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // GET_AITER
    OpcodeRow{18, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // GET_ANEXT
    OpcodeRow{19, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // GET_ITER
    OpcodeRow{20, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // GET_LEN
    OpcodeRow{21, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // GET_YIELD_FROM_ITER
    OpcodeRow{22, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},     // INTERPRETER_EXIT
    OpcodeRow{23, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_ASSERTION_ERROR
    OpcodeRow{24, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_BUILD_CLASS
    OpcodeRow{25, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_LOCALS
    OpcodeRow{26, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // MAKE_FUNCTION
    OpcodeRow{27, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_KEYS
    OpcodeRow{28, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_MAPPING
    OpcodeRow{29, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_SEQUENCE
    OpcodeRow{30, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // NOP
    OpcodeRow{31, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // POP_EXCEPT
    OpcodeRow{32, Opcode::pop_top, 0, -1, ByArgument::none, Flow::next, 0},  // POP_TOP
    OpcodeRow{33, Opcode::push_exc_info, 0, 1, ByArgument::none, Flow::next, 0},  // PUSH_EXC_INFO
    OpcodeRow{34, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},         // PUSH_NULL
    OpcodeRow{35, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // RETURN_GENERATOR
    OpcodeRow{36, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},   // RETURN_VALUE
    OpcodeRow{37, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // SETUP_ANNOTATIONS
    OpcodeRow{38, Opcode::other, 0, -4, ByArgument::none, Flow::next, 0},  // STORE_SLICE
    OpcodeRow{39, Opcode::other, 1, -3, ByArgument::none, Flow::next, 0},  // STORE_SUBSCR
    OpcodeRow{40, Opcode::other, 3, 0, ByArgument::none, Flow::next, 0},   // TO_BOOL
    OpcodeRow{41, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_INVERT
    OpcodeRow{42, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_NEGATIVE
    OpcodeRow{43, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_NOT
    OpcodeRow{44, Opcode::with_except_start, 0, 1, ByArgument::none, Flow::next,
              0},                                                          // WITH_EXCEPT_START
    OpcodeRow{45, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},  // BINARY_OP
    OpcodeRow{46, Opcode::other, 0, 0, ByArgument::subtracts, Flow::next,
              0},  // BUILD_CONST_KEY_MAP
    OpcodeRow{47, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_LIST
    OpcodeRow{48, Opcode::other, 0, 1, ByArgument::subtracts_twice, Flow::next, 0},  // BUILD_MAP
    OpcodeRow{49, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_SET
    OpcodeRow{50, Opcode::other, 0, -1, ByArgument::slice, Flow::next, 0},           // BUILD_SLICE
    OpcodeRow{51, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_STRING
    OpcodeRow{52, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_TUPLE
    OpcodeRow{53, Opcode::call_function, 3, -1, ByArgument::subtracts, Flow::next, 0},  // CALL
    OpcodeRow{54, Opcode::call_function_ex, 0, -2, ByArgument::low_bit_subtracts, Flow::next,
              0},                                                          // CALL_FUNCTION_EX
    OpcodeRow{55, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // CALL_INTRINSIC_1
    OpcodeRow{56, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // CALL_INTRINSIC_2
    OpcodeRow{57, Opcode::call_function_kw, 0, -2, ByArgument::subtracts, Flow::next,
              0},                                                                  // CALL_KW
    OpcodeRow{58, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},          // COMPARE_OP
    OpcodeRow{59, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},          // CONTAINS_OP
    OpcodeRow{60, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},           // CONVERT_VALUE
    OpcodeRow{61, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},           // COPY
    OpcodeRow{62, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},          // COPY_FREE_VARS
    OpcodeRow{63, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},          // DELETE_ATTR
    OpcodeRow{64, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},           // DELETE_DEREF
    OpcodeRow{65, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},           // DELETE_FAST
    OpcodeRow{66, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},           // DELETE_GLOBAL
    OpcodeRow{67, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},           // DELETE_NAME
    OpcodeRow{68, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},          // DICT_MERGE
    OpcodeRow{69, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},          // DICT_UPDATE
    OpcodeRow{70, Opcode::other, 0, 0, ByArgument::none, Flow::jump_backward, 0},  // ENTER_EXECUTOR
    OpcodeRow{71, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},          // EXTENDED_ARG
    OpcodeRow{72, Opcode::for_iter, 1, 1, ByArgument::none, Flow::may_jump_forward, 1},  // FOR_ITER
    OpcodeRow{73, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},         // GET_AWAITABLE
    OpcodeRow{74, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},         // IMPORT_FROM
    OpcodeRow{75, Opcode::import_name, 0, -1, ByArgument::none, Flow::next, 0},  // IMPORT_NAME
    OpcodeRow{76, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},        // IS_OP
    OpcodeRow{77, Opcode::jump_back, 1, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD
    OpcodeRow{78, Opcode::other, 0, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD_NO_INTERRUPT
    OpcodeRow{79, Opcode::other, 0, 0, ByArgument::none, Flow::jump_forward, 0},  // JUMP_FORWARD
    OpcodeRow{80, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // LIST_APPEND
    OpcodeRow{81, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // LIST_EXTEND
    OpcodeRow{82, Opcode::load_attr, 9, 0, ByArgument::low_bit_adds, Flow::next, 0},  // LOAD_ATTR
    OpcodeRow{83, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},              // LOAD_CONST
    OpcodeRow{84, Opcode::load_deref, 0, 1, ByArgument::none, Flow::next, 0},         // LOAD_DEREF
    OpcodeRow{85, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},          // LOAD_FAST
    OpcodeRow{86, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},      // LOAD_FAST_AND_CLEAR
    OpcodeRow{87, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_FAST_CHECK
    OpcodeRow{88, Opcode::load_fast, 0, 2, ByArgument::none, Flow::next, 0},  // LOAD_FAST_LOAD_FAST
    OpcodeRow{89, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},  // LOAD_FROM_DICT_OR_DEREF
    OpcodeRow{90, Opcode::other, 0, 0, ByArgument::none, Flow::next,
              0},  // LOAD_FROM_DICT_OR_GLOBALS
    OpcodeRow{91, Opcode::load_global, 4, 1, ByArgument::low_bit_adds, Flow::next,
              0},                                                             // LOAD_GLOBAL
    OpcodeRow{92, Opcode::load_name, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_NAME
    OpcodeRow{93, Opcode::other, 1, -2, ByArgument::low_bit_adds, Flow::next,
              0},                                                          // LOAD_SUPER_ATTR
    OpcodeRow{94, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // MAKE_CELL
    OpcodeRow{95, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // MAP_ADD
    OpcodeRow{96, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // MATCH_CLASS
    OpcodeRow{97, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_FALSE
    OpcodeRow{98, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_NONE
    OpcodeRow{99, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_NOT_NONE
    OpcodeRow{100, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},                                                               // POP_JUMP_IF_TRUE
    OpcodeRow{101, Opcode::other, 0, 0, ByArgument::subtracts, Flow::end, 0},    // RAISE_VARARGS
    OpcodeRow{102, Opcode::end_finally, 0, -1, ByArgument::none, Flow::end, 0},  // RERAISE
    OpcodeRow{103, Opcode::other, 0, 0, ByArgument::none, Flow::end, 0},         // RETURN_CONST
    OpcodeRow{104, Opcode::other, 1, 0, ByArgument::none, Flow::may_jump_forward, 0},  // SEND
    OpcodeRow{105, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},             // SET_ADD
    OpcodeRow{106, Opcode::other, 0, -1, ByArgument::none, Flow::next,
              0},  // SET_FUNCTION_ATTRIBUTE
    OpcodeRow{107, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // SET_UPDATE
    OpcodeRow{108, Opcode::other, 4, -2, ByArgument::none, Flow::next, 0},  // STORE_ATTR
    OpcodeRow{109, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_DEREF
    OpcodeRow{110, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_FAST
    OpcodeRow{111, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // STORE_FAST_LOAD_FAST
    OpcodeRow{112, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // STORE_FAST_STORE_FAST
    OpcodeRow{113, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_GLOBAL
    OpcodeRow{114, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_NAME
    OpcodeRow{115, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // SWAP
    OpcodeRow{116, Opcode::other, 0, 0, ByArgument::unpack, Flow::next, 0},  // UNPACK_EX
    OpcodeRow{117, Opcode::other, 1, -1, ByArgument::adds, Flow::next, 0},   // UNPACK_SEQUENCE
    OpcodeRow{118, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // YIELD_VALUE
    OpcodeRow{149, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},   // RESUME
};

constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, 91> specialised{
    {{3, 45},    {150, 45},  {151, 45},  {152, 45},  {153, 45},  {154, 45},  {155, 45},  {156, 45},
     {157, 5},   {158, 5},   {159, 5},   {160, 5},   {161, 5},   {162, 53},  {163, 53},  {164, 53},
     {165, 53},  {166, 53},  {167, 53},  {168, 53},  {169, 53},  {170, 53},  {171, 53},  {172, 53},
     {173, 53},  {174, 53},  {175, 53},  {176, 53},  {177, 53},  {178, 53},  {179, 53},  {180, 53},
     {181, 53},  {182, 58},  {183, 58},  {184, 58},  {185, 59},  {186, 59},  {187, 72},  {188, 72},
     {189, 72},  {190, 72},  {191, 82},  {192, 82},  {193, 82},  {194, 82},  {195, 82},  {196, 82},
     {197, 82},  {198, 82},  {199, 82},  {200, 82},  {201, 82},  {202, 82},  {203, 91},  {204, 91},
     {205, 93},  {206, 93},  {207, 149}, {208, 104}, {209, 108}, {210, 108}, {211, 108}, {212, 39},
     {213, 39},  {214, 40},  {215, 40},  {216, 40},  {217, 40},  {218, 40},  {219, 40},  {220, 117},
     {221, 117}, {222, 117}, {236, 149}, {237, 11},  {238, 12},  {239, 36},  {240, 103}, {241, 118},
     {242, 93},  {243, 72},  {244, 53},  {245, 57},  {246, 54},  {248, 79},  {249, 77},  {250, 100},
     {251, 97},  {252, 98},  {253, 99}}};

}  // namespace

const OpcodeTable python313_opcodes{71, rows, specialised};

}  // namespace importlock
