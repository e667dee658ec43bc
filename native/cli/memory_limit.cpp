#include "cli/memory_limit.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <typeinfo>

namespace importlock::cli {

namespace {

void put(const char* text) {
  std::fputs(text, stderr);  // not buffered
}

/// The compiler's runtime calls it without an exception where there is no memory for one (libstdc++
/// libsupc++/eh_alloc.cc, __cxa_allocate_exception), and with one that is thrown out of a
/// destructor.
[[noreturn]] void end() {
  const auto* const type = abi::__cxa_current_exception_type();
  if (type == nullptr || *type == typeid(std::bad_alloc)) {
    complain_of_memory();
  } else {
    put("py-importlock: a fault of its own, please report it: ");
    put(type->name());
    put("\n");
  }
  ::_exit(2);
}

/// Before the program's own static objects, which ask for memory too (CLI11's validators).
[[gnu::constructor(101)]] void prepare() { std::set_terminate(end); }

}  // namespace

void complain_of_memory() {
  put("py-importlock: ");
  put(out_of_memory);
  put("\n");
}

}  // namespace importlock::cli
