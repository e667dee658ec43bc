#include "cpython/layouts/python27.hpp"

namespace importlock {

Layout python27_layout(unsigned word, bool pydebug, unsigned unicode_width) {
  // _ob_next and _ob_prev of Py_TRACE_REFS (Include/object.h, _PyObject_HEAD_EXTRA).
  const Layout::Offset head = pydebug ? Layout::Offset{2} * word : 0;
  const bool wide = word == 8;
  const auto plain = [&](Layout::Offset on_64, Layout::Offset on_32) {
    return wide ? on_64 : on_32;
  };
  const auto field = [&](Layout::Offset on_64, Layout::Offset on_32) {
    return head + plain(on_64, on_32);
  };
  Layout at;
  at.word = word;
  at.pydebug = pydebug;
  at.unicode_width = unicode_width;
  at.object = {field(8, 4), field(16, 8)};
  at.interpreter_state = {0, plain(8, 4), plain(16, 8), plain(24, 12)};
  at.thread_state = {0, plain(8, 4), plain(16, 8), plain(144, 80), std::nullopt};
  at.frame = {field(24, 12),  field(32, 16),  field(40, 20),  field(48, 24),  field(56, 28),
              field(64, 32),  field(80, 40),  field(112, 56), field(120, 60), field(124, 64),
              field(128, 68), field(132, 72), field(376, 312)};
  at.try_block = {0, 4, 8, 12};
  at.code = {field(16, 8),  field(20, 12), field(24, 16), field(32, 24), field(40, 28),
             field(48, 32), field(56, 36), field(64, 40), field(72, 44), field(80, 48),
             field(88, 52), field(96, 56), field(104, 60)};
  at.bytes = {field(24, 12), field(36, 20)};
  at.unicode = {field(16, 8), field(24, 12)};
  at.dict = {field(24, 12), field(32, 16), field(40, 20)};
  at.dict_entry = {0, plain(8, 4), plain(16, 8), plain(24, 12)};
  at.integer = {field(16, 8)};
  at.float_object = {field(16, 8)};
  at.long_integer = {field(24, 12), Layout::Digits::signed_size, plain(4, 2)};
  at.instance = {field(16, 8), field(24, 12)};
  at.class_object = {field(24, 12), field(32, 16)};
  at.method = {field(16, 8), field(24, 12)};
  at.c_function = {field(16, 8), field(24, 12), field(32, 16), 0};
  at.type = {field(24, 12),   field(32, 16),   field(168, 84), field(256, 128),
             field(264, 132), field(288, 144), field(360, 180)};
  at.tuple = {field(24, 12)};
  at.list = {field(24, 12)};
  at.function = {field(16, 8)};
  at.module = {field(16, 8)};
  at.cell = {field(16, 8)};
  at.lock.lock_lock = field(16, 8);
  return at;
}

}  // namespace importlock
