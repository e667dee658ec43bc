#include <array>

#include "cpython/layouts/opcodes3.hpp"

namespace importlock {

namespace {

// Lib/opcode.py, Python/compile.c stack_effect (as dis.stack_effect tells it) and
// Include/internal/pycore_opcode*.h _PyOpcode_Caches of 3.14. What the interpreter does while it
// runs differs from the compiler's account for
// RETURN_GENERATOR.
constexpr std::array rows{
    OpcodeRow{0, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // CACHE
    OpcodeRow{1, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // BINARY_SLICE
    OpcodeRow{2, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BUILD_TEMPLATE
    OpcodeRow{4, Opcode::call_function_ex, 0, -3, ByArgument::none, Flow::next,
              0},                                                        // CALL_FUNCTION_EX
    OpcodeRow{5, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},  // CHECK_EG_MATCH
    OpcodeRow{6, Opcode::check_exc_match, 0, 0, ByArgument::none, Flow::next,
              0},                                                            // CHECK_EXC_MATCH
    OpcodeRow{7, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},     // CLEANUP_THROW
    OpcodeRow{8, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},     // DELETE_SUBSCR
    OpcodeRow{9, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},     // END_FOR
    OpcodeRow{10, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // END_SEND
    OpcodeRow{11, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // EXIT_INIT_CHECK
    OpcodeRow{12, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // FORMAT_SIMPLE
    OpcodeRow{13, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // FORMAT_WITH_SPEC
    OpcodeRow{14, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // GET_AITER
    OpcodeRow{15, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // GET_ANEXT
    OpcodeRow{16, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // GET_ITER
    OpcodeRow{18, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // GET_LEN
    OpcodeRow{19, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // GET_YIELD_FROM_ITER
    OpcodeRow{20, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},     // INTERPRETER_EXIT
    OpcodeRow{21, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_BUILD_CLASS
    OpcodeRow{22, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_LOCALS
    OpcodeRow{23, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // MAKE_FUNCTION
    OpcodeRow{24, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_KEYS
    OpcodeRow{25, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_MAPPING
    OpcodeRow{26, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_SEQUENCE
    OpcodeRow{27, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // NOP
    OpcodeRow{28, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // NOT_TAKEN
    OpcodeRow{29, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // POP_EXCEPT
    OpcodeRow{30, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // POP_ITER
    OpcodeRow{31, Opcode::pop_top, 0, -1, ByArgument::none, Flow::next, 0},  // POP_TOP
    OpcodeRow{32, Opcode::push_exc_info, 0, 1, ByArgument::none, Flow::next, 0},  // PUSH_EXC_INFO
    OpcodeRow{33, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},         // PUSH_NULL
    OpcodeRow{34, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // RETURN_GENERATOR
    OpcodeRow{35, Opcode::other, 0, 0, ByArgument::none, Flow::end, 0},    // RETURN_VALUE
    OpcodeRow{36, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // SETUP_ANNOTATIONS
    OpcodeRow{37, Opcode::other, 0, -4, ByArgument::none, Flow::next, 0},  // STORE_SLICE
    OpcodeRow{38, Opcode::other, 1, -3, ByArgument::none, Flow::next, 0},  // STORE_SUBSCR
    OpcodeRow{39, Opcode::other, 3, 0, ByArgument::none, Flow::next, 0},   // TO_BOOL
    OpcodeRow{40, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_INVERT
    OpcodeRow{41, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_NEGATIVE
    OpcodeRow{42, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_NOT
    OpcodeRow{43, Opcode::with_except_start, 0, 1, ByArgument::none, Flow::next,
              0},                                                          // WITH_EXCEPT_START
    OpcodeRow{44, Opcode::other, 5, -1, ByArgument::none, Flow::next, 0},  // BINARY_OP
    OpcodeRow{45, Opcode::other, 0, -1, ByArgument::low_bit_subtracts, Flow::next,
              0},  // BUILD_INTERPOLATION
    OpcodeRow{46, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_LIST
    OpcodeRow{47, Opcode::other, 0, 1, ByArgument::subtracts_twice, Flow::next, 0},  // BUILD_MAP
    OpcodeRow{48, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_SET
    OpcodeRow{49, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_SLICE
    OpcodeRow{50, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_STRING
    OpcodeRow{51, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_TUPLE
    OpcodeRow{52, Opcode::call_function, 3, -1, ByArgument::subtracts, Flow::next, 0},  // CALL
    OpcodeRow{53, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // CALL_INTRINSIC_1
    OpcodeRow{54, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // CALL_INTRINSIC_2
    OpcodeRow{55, Opcode::call_function_kw, 3, -2, ByArgument::subtracts, Flow::next,
              0},                                                          // CALL_KW
    OpcodeRow{56, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},  // COMPARE_OP
    OpcodeRow{57, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},  // CONTAINS_OP
    OpcodeRow{58, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // CONVERT_VALUE
    OpcodeRow{59, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},  // COPY
    OpcodeRow{60, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // COPY_FREE_VARS
    OpcodeRow{61, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // DELETE_ATTR
    OpcodeRow{62, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_DEREF
    OpcodeRow{63, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_FAST
    OpcodeRow{64, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_GLOBAL
    OpcodeRow{65, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_NAME
    OpcodeRow{66, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // DICT_MERGE
    OpcodeRow{67, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // DICT_UPDATE
    OpcodeRow{68, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // END_ASYNC_FOR
    OpcodeRow{69, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // EXTENDED_ARG
    OpcodeRow{70, Opcode::for_iter, 1, 1, ByArgument::none, Flow::may_jump_forward, 1},  // FOR_ITER
    OpcodeRow{71, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},         // GET_AWAITABLE
    OpcodeRow{72, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},         // IMPORT_FROM
    OpcodeRow{73, Opcode::import_name, 0, -1, ByArgument::none, Flow::next, 0},  // IMPORT_NAME
    OpcodeRow{74, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},        // IS_OP
    OpcodeRow{75, Opcode::jump_back, 1, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD
    OpcodeRow{76, Opcode::other, 0, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD_NO_INTERRUPT
    OpcodeRow{77, Opcode::other, 0, 0, ByArgument::none, Flow::jump_forward, 0},  // JUMP_FORWARD
    OpcodeRow{78, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // LIST_APPEND
    OpcodeRow{79, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // LIST_EXTEND
    OpcodeRow{80, Opcode::load_attr, 9, 0, ByArgument::low_bit_adds, Flow::next, 0},  // LOAD_ATTR
    OpcodeRow{81, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_COMMON_CONSTANT
    OpcodeRow{82, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_CONST
    OpcodeRow{83, Opcode::load_deref, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_DEREF
    OpcodeRow{84, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_FAST
    OpcodeRow{85, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},      // LOAD_FAST_AND_CLEAR
    OpcodeRow{86, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_FAST_BORROW
    OpcodeRow{87, Opcode::load_fast, 0, 2, ByArgument::none, Flow::next,
              0},  // LOAD_FAST_BORROW_LOAD_FAST_BORROW
    OpcodeRow{88, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_FAST_CHECK
    OpcodeRow{89, Opcode::load_fast, 0, 2, ByArgument::none, Flow::next, 0},  // LOAD_FAST_LOAD_FAST
    OpcodeRow{90, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},  // LOAD_FROM_DICT_OR_DEREF
    OpcodeRow{91, Opcode::other, 0, 0, ByArgument::none, Flow::next,
              0},  // LOAD_FROM_DICT_OR_GLOBALS
    OpcodeRow{92, Opcode::load_global, 4, 1, ByArgument::low_bit_adds, Flow::next,
              0},                                                             // LOAD_GLOBAL
    OpcodeRow{93, Opcode::load_name, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_NAME
    OpcodeRow{94, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},      // LOAD_SMALL_INT
    OpcodeRow{95, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_SPECIAL
    OpcodeRow{96, Opcode::other, 1, -2, ByArgument::low_bit_adds, Flow::next,
              0},                                                          // LOAD_SUPER_ATTR
    OpcodeRow{97, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // MAKE_CELL
    OpcodeRow{98, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // MAP_ADD
    OpcodeRow{99, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // MATCH_CLASS
    OpcodeRow{100, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_FALSE
    OpcodeRow{101, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_NONE
    OpcodeRow{102, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_NOT_NONE
    OpcodeRow{103, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},                                                               // POP_JUMP_IF_TRUE
    OpcodeRow{104, Opcode::other, 0, 0, ByArgument::subtracts, Flow::end, 0},    // RAISE_VARARGS
    OpcodeRow{105, Opcode::end_finally, 0, -1, ByArgument::none, Flow::end, 0},  // RERAISE
    OpcodeRow{106, Opcode::other, 1, 0, ByArgument::none, Flow::may_jump_forward, 0},  // SEND
    OpcodeRow{107, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},             // SET_ADD
    OpcodeRow{108, Opcode::other, 0, -1, ByArgument::none, Flow::next,
              0},  // SET_FUNCTION_ATTRIBUTE
    OpcodeRow{109, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // SET_UPDATE
    OpcodeRow{110, Opcode::other, 4, -2, ByArgument::none, Flow::next, 0},  // STORE_ATTR
    OpcodeRow{111, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_DEREF
    OpcodeRow{112, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_FAST
    OpcodeRow{113, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // STORE_FAST_LOAD_FAST
    OpcodeRow{114, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // STORE_FAST_STORE_FAST
    OpcodeRow{115, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_GLOBAL
    OpcodeRow{116, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_NAME
    OpcodeRow{117, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // SWAP
    OpcodeRow{118, Opcode::other, 0, 0, ByArgument::unpack, Flow::next, 0},  // UNPACK_EX
    OpcodeRow{119, Opcode::other, 1, -1, ByArgument::adds, Flow::next, 0},   // UNPACK_SEQUENCE
    OpcodeRow{120, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // YIELD_VALUE
    OpcodeRow{128, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},   // RESUME
    OpcodeRow{255, Opcode::other, 0, 0, ByArgument::none, Flow::jump_backward,
              0},  // ENTER_EXECUTOR
};

constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, 103> specialised{
    {{3, 44},    {129, 44},  {130, 44},  {131, 44},  {132, 44},  {133, 44},  {134, 44},  {135, 44},
     {136, 44},  {137, 44},  {138, 44},  {139, 44},  {140, 44},  {141, 44},  {142, 44},  {143, 52},
     {144, 52},  {145, 52},  {146, 52},  {147, 52},  {148, 52},  {149, 52},  {150, 52},  {151, 55},
     {152, 55},  {153, 55},  {154, 52},  {155, 52},  {156, 52},  {157, 52},  {158, 52},  {159, 52},
     {160, 52},  {161, 52},  {162, 52},  {163, 52},  {164, 52},  {165, 52},  {166, 56},  {167, 56},
     {168, 56},  {169, 57},  {170, 57},  {171, 70},  {172, 70},  {173, 70},  {174, 70},  {175, 75},
     {176, 75},  {177, 80},  {178, 80},  {179, 80},  {180, 80},  {181, 80},  {182, 80},  {183, 80},
     {184, 80},  {185, 80},  {186, 80},  {187, 80},  {188, 80},  {189, 80},  {190, 82},  {191, 82},
     {192, 92},  {193, 92},  {194, 96},  {195, 96},  {196, 128}, {197, 106}, {198, 110}, {199, 110},
     {200, 110}, {201, 38},  {202, 38},  {203, 39},  {204, 39},  {205, 39},  {206, 39},  {207, 39},
     {208, 39},  {209, 119}, {210, 119}, {211, 119}, {234, 9},   {235, 30},  {236, 10},  {237, 70},
     {239, 77},  {240, 28},  {241, 103}, {242, 100}, {243, 101}, {244, 102}, {245, 128}, {246, 35},
     {247, 120}, {248, 68},  {249, 96},  {250, 52},  {251, 55},  {252, 4},   {253, 75}}};

}  // namespace

const OpcodeTable python314_opcodes{69, true, 2, rows, specialised};

}  // namespace importlock
