// A snapshot as capture() could never make it, given to diagnose() and all renderers.

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "diagnosis/diagnose.hpp"
#include "render/dot.hpp"
#include "render/json.hpp"
#include "render/text.hpp"

namespace importlock {

namespace {

/// Makes values of few kinds each, so that idents, locks and LWPs meet.
class Maker {
 public:
  explicit Maker(FuzzedDataProvider& input) : input_(input) {}

 private:
  bool flag() { return input_.ConsumeBool(); }
  int number() { return input_.ConsumeIntegralInRange(-1, 12); }
  std::size_t index() { return input_.ConsumeIntegralInRange<std::size_t>(0, 4); }
  std::string text() { return input_.ConsumeRandomLengthString(40); }
  PthreadId ident() { return PthreadId{input_.ConsumeIntegralInRange<std::uint64_t>(0, 8)}; }
  Address address() { return Address{input_.ConsumeIntegralInRange<std::uint64_t>(0, 8)}; }

  template <typename Kind>
  Kind enumerator(int last) {
    return static_cast<Kind>(input_.ConsumeIntegralInRange(0, last));
  }
  template <typename Make>
  auto maybe(Make make) {
    return flag() ? std::optional(make()) : std::nullopt;
  }
  template <typename Make>
  Known<std::invoke_result_t<Make>> known(Make make) {
    if (flag()) return make();
    return Missing{"unread"};
  }
  template <typename T, typename Make>
  std::vector<T> several(Make make, std::size_t most) {
    std::vector<T> made;
    for (auto left = input_.ConsumeIntegralInRange<std::size_t>(0, most); left > 0; --left) {
      made.push_back(make());
    }
    return made;
  }

 public:
  Snapshot snapshot() {
    Snapshot made;
    made.target = {enumerator<TargetKind>(2), maybe([&] { return number(); }), text(),
                   maybe([&] { return text(); })};
    made.python = {known([&] { return text(); }), text(),
                   maybe([&] { return text(); }), text(),
                   maybe([&] { return flag(); }), maybe([&] { return text(); })};
    made.import_lock = {
        known([&] { return lock(); }), known([&] { return maybe([&] { return ident(); }); }),
        known([&] { return number(); }), maybe([&] { return enumerator<FoundBy>(2); })};
    made.gil = {known([&] { return lock(); }),
                known([&] { return maybe([&] { return ident(); }); })};
    made.all_thread_states = flag();
    made.threads = several<ThreadFacts>([&] { return thread(); }, 12);
    made.problems = several<std::string>([&] { return text(); }, 2);
    return made;
  }

 private:
  LockFacts lock() {
    return {address(), std::uint64_t{index()}, known([&] { return flag(); })};
  }

  Frame frame() {
    return {text(),   text(),
            number(), maybe([&] { return text(); }),
            flag(),   several<Variable>([&] { return Variable{text(), text()}; }, 2)};
  }

  PythonWait wait() {
    return {enumerator<PythonWait::Kind>(6),
            text(),
            input_.PickValueInArray({"Thread.join", "Queue.get", "with", "\x1b[31m"}),
            text(),
            maybe([&] { return ident(); }),
            address(),
            flag(),
            flag(),
            index()};
  }

  SystemCall call() {
    SystemCall made;
    made.number = number();
    made.name = input_.PickValueInArray({"futex", "read", "wait4", "nanosleep", "\xff"});
    made.futex = maybe([&] { return address(); });
    made.timed = flag();
    return made;
  }

  ThreadFacts thread() {
    ThreadFacts made;
    made.lwp = maybe([&] { return number(); });
    made.gdb_thread = maybe([&] { return number(); });
    made.ident = maybe([&] { return ident(); });
    made.name = text();
    made.python = flag();
    made.whole = flag();
    made.frames = several<Frame>([&] { return frame(); }, 3);
    made.importing = several<ModuleInProgress>(
        [&] {
          return ModuleInProgress{text(), index()};
        },
        2);
    made.import_lock_evidence = text();
    made.operation = maybe([&] {
      return Operation{enumerator<Operation::Kind>(4), text(), index()};
    });
    made.wait = maybe([&] { return wait(); });
    made.held = several<HeldLock>(
        [&] {
          return HeldLock{address(), text(),  text(), enumerator<HeldLock::Shown>(1),
                          text(),    number()};
        },
        2);
    made.housekeeping = flag();
    made.starts = several<ThreadStart>([&] { return ThreadStart{ident(), text(), number()}; }, 2);
    made.system_call = known([&] { return maybe([&] { return call(); }); });
    made.call_object = text();
    return made;
  }

  FuzzedDataProvider& input_;
};

void require(bool holds) {
  if (!holds) std::abort();
}

bool harmless(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); });
}

/// Whether every string of the DOT text ends on its line.
bool well_formed(const std::string& dot) {
  bool inside = false;
  for (std::size_t i = 0; i < dot.size(); ++i) {
    if (inside && dot[i] == '\\') {
      ++i;
    } else if (dot[i] == '"') {
      inside = !inside;
    } else if (dot[i] == '\n' && inside) {
      return false;
    }
  }
  return !inside;
}

}  // namespace

}  // namespace importlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace importlock;
  FuzzedDataProvider input(data, size);
  const auto width = input.ConsumeIntegralInRange<std::size_t>(0, 90);
  const auto frames = input.ConsumeIntegralInRange<std::size_t>(0, 3);
  const auto report = diagnose(Maker(input).snapshot());
  require(report.status() >= 0 && report.status() <= 2);
  require(harmless(render_text(report, {width, false, frames})));
  const auto dot = render_dot(report);
  require(harmless(dot) && well_formed(dot));
  for (const auto style : {JsonStyle::indented, JsonStyle::one_line}) {
    const auto json = render_json(report, style);
    require(harmless(json) && nlohmann::json::accept(json));
  }
  return 0;
}
