#include <array>

#include "cpython/layouts/opcodes3.hpp"

namespace importlock {

namespace {

// Lib/opcode.py, Python/compile.c stack_effect (as dis.stack_effect tells it) and
// Include/internal/pycore_opcode*.h _PyOpcode_Caches of 3.15. What the interpreter does while it
// runs differs from the compiler's account for
// RETURN_GENERATOR.
constexpr std::array rows{
    OpcodeRow{0, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // CACHE
    OpcodeRow{1, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // BINARY_SLICE
    OpcodeRow{2, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // BUILD_TEMPLATE
    OpcodeRow{4, Opcode::call_function_ex, 1, -3, ByArgument::none, Flow::next,
              0},                                                        // CALL_FUNCTION_EX
    OpcodeRow{5, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},  // CHECK_EG_MATCH
    OpcodeRow{6, Opcode::check_exc_match, 0, 0, ByArgument::none, Flow::next,
              0},                                                            // CHECK_EXC_MATCH
    OpcodeRow{7, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},     // CLEANUP_THROW
    OpcodeRow{8, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},     // DELETE_SUBSCR
    OpcodeRow{9, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},     // END_FOR
    OpcodeRow{10, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},    // END_SEND
    OpcodeRow{11, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // EXIT_INIT_CHECK
    OpcodeRow{12, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // FORMAT_SIMPLE
    OpcodeRow{13, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // FORMAT_WITH_SPEC
    OpcodeRow{14, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // GET_AITER
    OpcodeRow{15, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // GET_ANEXT
    OpcodeRow{16, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // GET_LEN
    OpcodeRow{18, Opcode::other, 0, -1, ByArgument::none, Flow::end, 0},     // INTERPRETER_EXIT
    OpcodeRow{19, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_BUILD_CLASS
    OpcodeRow{20, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_LOCALS
    OpcodeRow{21, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},     // MAKE_FUNCTION
    OpcodeRow{22, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_KEYS
    OpcodeRow{23, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_MAPPING
    OpcodeRow{24, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},     // MATCH_SEQUENCE
    OpcodeRow{25, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // NOP
    OpcodeRow{26, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},    // NOT_TAKEN
    OpcodeRow{27, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},    // POP_EXCEPT
    OpcodeRow{28, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},    // POP_ITER
    OpcodeRow{29, Opcode::pop_top, 0, -1, ByArgument::none, Flow::next, 0},  // POP_TOP
    OpcodeRow{30, Opcode::push_exc_info, 0, 1, ByArgument::none, Flow::next, 0},  // PUSH_EXC_INFO
    OpcodeRow{31, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},         // PUSH_NULL
    OpcodeRow{32, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},   // RETURN_GENERATOR
    OpcodeRow{33, Opcode::other, 0, 0, ByArgument::none, Flow::end, 0},    // RETURN_VALUE
    OpcodeRow{34, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // SETUP_ANNOTATIONS
    OpcodeRow{35, Opcode::other, 0, -4, ByArgument::none, Flow::next, 0},  // STORE_SLICE
    OpcodeRow{36, Opcode::other, 1, -3, ByArgument::none, Flow::next, 0},  // STORE_SUBSCR
    OpcodeRow{37, Opcode::other, 3, 0, ByArgument::none, Flow::next, 0},   // TO_BOOL
    OpcodeRow{38, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_INVERT
    OpcodeRow{39, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_NEGATIVE
    OpcodeRow{40, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // UNARY_NOT
    OpcodeRow{41, Opcode::with_except_start, 0, 1, ByArgument::none, Flow::next,
              0},                                                          // WITH_EXCEPT_START
    OpcodeRow{42, Opcode::other, 5, -1, ByArgument::none, Flow::next, 0},  // BINARY_OP
    OpcodeRow{43, Opcode::other, 0, -1, ByArgument::low_bit_subtracts, Flow::next,
              0},  // BUILD_INTERPOLATION
    OpcodeRow{44, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_LIST
    OpcodeRow{45, Opcode::other, 0, 1, ByArgument::subtracts_twice, Flow::next, 0},  // BUILD_MAP
    OpcodeRow{46, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_SET
    OpcodeRow{47, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_SLICE
    OpcodeRow{48, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_STRING
    OpcodeRow{49, Opcode::other, 0, 1, ByArgument::subtracts, Flow::next, 0},        // BUILD_TUPLE
    OpcodeRow{50, Opcode::call_function, 3, -1, ByArgument::subtracts, Flow::next, 0},  // CALL
    OpcodeRow{51, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // CALL_INTRINSIC_1
    OpcodeRow{52, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // CALL_INTRINSIC_2
    OpcodeRow{53, Opcode::call_function_kw, 3, -2, ByArgument::subtracts, Flow::next,
              0},                                                          // CALL_KW
    OpcodeRow{54, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},  // COMPARE_OP
    OpcodeRow{55, Opcode::other, 1, -1, ByArgument::none, Flow::next, 0},  // CONTAINS_OP
    OpcodeRow{56, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // CONVERT_VALUE
    OpcodeRow{57, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},  // COPY
    OpcodeRow{58, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // COPY_FREE_VARS
    OpcodeRow{59, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // DELETE_ATTR
    OpcodeRow{60, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_DEREF
    OpcodeRow{61, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_FAST
    OpcodeRow{62, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_GLOBAL
    OpcodeRow{63, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // DELETE_NAME
    OpcodeRow{64, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // DICT_MERGE
    OpcodeRow{65, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // DICT_UPDATE
    OpcodeRow{66, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // END_ASYNC_FOR
    OpcodeRow{67, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // EXTENDED_ARG
    OpcodeRow{68, Opcode::for_iter, 1, 1, ByArgument::none, Flow::may_jump_forward, 1},  // FOR_ITER
    OpcodeRow{69, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},         // GET_AWAITABLE
    OpcodeRow{70, Opcode::other, 1, 1, ByArgument::none, Flow::next, 0},         // GET_ITER
    OpcodeRow{71, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},         // IMPORT_FROM
    OpcodeRow{72, Opcode::import_name, 0, -1, ByArgument::none, Flow::next, 0},  // IMPORT_NAME
    OpcodeRow{73, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},        // IS_OP
    OpcodeRow{74, Opcode::jump_back, 1, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD
    OpcodeRow{75, Opcode::other, 0, 0, ByArgument::none, Flow::jump_backward,
              0},  // JUMP_BACKWARD_NO_INTERRUPT
    OpcodeRow{76, Opcode::other, 0, 0, ByArgument::none, Flow::jump_forward, 0},  // JUMP_FORWARD
    OpcodeRow{77, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // LIST_APPEND
    OpcodeRow{78, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},         // LIST_EXTEND
    OpcodeRow{79, Opcode::load_attr, 9, 0, ByArgument::low_bit_adds, Flow::next, 0},  // LOAD_ATTR
    OpcodeRow{80, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_COMMON_CONSTANT
    OpcodeRow{81, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_CONST
    OpcodeRow{82, Opcode::load_deref, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_DEREF
    OpcodeRow{83, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},   // LOAD_FAST
    OpcodeRow{84, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},      // LOAD_FAST_AND_CLEAR
    OpcodeRow{85, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_FAST_BORROW
    OpcodeRow{86, Opcode::load_fast, 0, 2, ByArgument::none, Flow::next,
              0},  // LOAD_FAST_BORROW_LOAD_FAST_BORROW
    OpcodeRow{87, Opcode::load_fast, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_FAST_CHECK
    OpcodeRow{88, Opcode::load_fast, 0, 2, ByArgument::none, Flow::next, 0},  // LOAD_FAST_LOAD_FAST
    OpcodeRow{89, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},  // LOAD_FROM_DICT_OR_DEREF
    OpcodeRow{90, Opcode::other, 0, 0, ByArgument::none, Flow::next,
              0},  // LOAD_FROM_DICT_OR_GLOBALS
    OpcodeRow{91, Opcode::load_global, 4, 1, ByArgument::low_bit_adds, Flow::next,
              0},                                                             // LOAD_GLOBAL
    OpcodeRow{92, Opcode::load_name, 0, 1, ByArgument::none, Flow::next, 0},  // LOAD_NAME
    OpcodeRow{93, Opcode::other, 0, 1, ByArgument::none, Flow::next, 0},      // LOAD_SMALL_INT
    OpcodeRow{94, Opcode::prefix, 0, 1, ByArgument::none, Flow::next, 0},     // LOAD_SPECIAL
    OpcodeRow{95, Opcode::other, 1, -2, ByArgument::low_bit_adds, Flow::next,
              0},                                                          // LOAD_SUPER_ATTR
    OpcodeRow{96, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // MAKE_CELL
    OpcodeRow{97, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // MAP_ADD
    OpcodeRow{98, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // MATCH_CLASS
    OpcodeRow{99, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_FALSE
    OpcodeRow{100, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_NONE
    OpcodeRow{101, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},  // POP_JUMP_IF_NOT_NONE
    OpcodeRow{102, Opcode::other, 1, -1, ByArgument::none, Flow::may_jump_forward,
              -1},                                                               // POP_JUMP_IF_TRUE
    OpcodeRow{103, Opcode::other, 0, 0, ByArgument::subtracts, Flow::end, 0},    // RAISE_VARARGS
    OpcodeRow{104, Opcode::end_finally, 0, -1, ByArgument::none, Flow::end, 0},  // RERAISE
    OpcodeRow{105, Opcode::other, 1, 0, ByArgument::none, Flow::may_jump_forward, 0},  // SEND
    OpcodeRow{106, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},             // SET_ADD
    OpcodeRow{107, Opcode::other, 0, -1, ByArgument::none, Flow::next,
              0},  // SET_FUNCTION_ATTRIBUTE
    OpcodeRow{108, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // SET_UPDATE
    OpcodeRow{109, Opcode::other, 4, -2, ByArgument::none, Flow::next, 0},  // STORE_ATTR
    OpcodeRow{110, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_DEREF
    OpcodeRow{111, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_FAST
    OpcodeRow{112, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},   // STORE_FAST_LOAD_FAST
    OpcodeRow{113, Opcode::other, 0, -2, ByArgument::none, Flow::next, 0},  // STORE_FAST_STORE_FAST
    OpcodeRow{114, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_GLOBAL
    OpcodeRow{115, Opcode::other, 0, -1, ByArgument::none, Flow::next, 0},  // STORE_NAME
    OpcodeRow{116, Opcode::prefix, 0, 0, ByArgument::none, Flow::next, 0},  // SWAP
    OpcodeRow{117, Opcode::other, 0, 0, ByArgument::unpack, Flow::next, 0},  // UNPACK_EX
    OpcodeRow{118, Opcode::other, 1, -1, ByArgument::adds, Flow::next, 0},   // UNPACK_SEQUENCE
    OpcodeRow{119, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},    // YIELD_VALUE
    OpcodeRow{128, Opcode::prefix, 1, 0, ByArgument::none, Flow::next, 0},   // RESUME
    OpcodeRow{254, Opcode::other, 0, 0, ByArgument::none, Flow::jump_backward,
              0},                                                          // ENTER_EXECUTOR
    OpcodeRow{255, Opcode::other, 0, 0, ByArgument::none, Flow::next, 0},  // TRACE_RECORD
};

constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, 110> specialised{
    {{3, 42},    {129, 42},  {130, 42},  {131, 42},  {132, 42},  {133, 42},  {134, 42},  {135, 42},
     {136, 42},  {137, 42},  {138, 42},  {139, 42},  {140, 42},  {141, 42},  {142, 42},  {143, 42},
     {144, 50},  {145, 50},  {146, 50},  {147, 50},  {148, 50},  {149, 50},  {150, 50},  {151, 4},
     {152, 4},   {153, 50},  {154, 53},  {155, 53},  {156, 53},  {157, 50},  {158, 50},  {159, 50},
     {160, 50},  {161, 50},  {162, 50},  {163, 50},  {164, 50},  {165, 50},  {166, 50},  {167, 50},
     {168, 50},  {169, 54},  {170, 54},  {171, 54},  {172, 55},  {173, 55},  {174, 68},  {175, 68},
     {176, 68},  {177, 68},  {178, 68},  {179, 70},  {180, 70},  {181, 74},  {182, 74},  {183, 79},
     {184, 79},  {185, 79},  {186, 79},  {187, 79},  {188, 79},  {189, 79},  {190, 79},  {191, 79},
     {192, 79},  {193, 79},  {194, 79},  {195, 79},  {196, 91},  {197, 91},  {198, 95},  {199, 95},
     {200, 128}, {201, 128}, {202, 105}, {203, 105}, {204, 105}, {205, 109}, {206, 109}, {207, 109},
     {208, 36},  {209, 36},  {210, 37},  {211, 37},  {212, 37},  {213, 37},  {214, 37},  {215, 37},
     {216, 118}, {217, 118}, {218, 118}, {233, 9},   {234, 28},  {235, 10},  {236, 68},  {238, 76},
     {239, 26},  {240, 102}, {241, 99},  {242, 100}, {243, 101}, {244, 128}, {245, 33},  {246, 119},
     {247, 66},  {248, 95},  {249, 50},  {250, 53},  {251, 4},   {252, 74}}};

}  // namespace

const OpcodeTable python315_opcodes{67, true, 2, rows, specialised, 2, 1};

}  // namespace importlock
