#include "model/report.hpp"

namespace importlock {

int Report::status() const {
  switch (verdict.kind) {
    case VerdictKind::deadlock:
    case VerdictKind::orphaned:
    case VerdictKind::stalled: return 1;
    case VerdictKind::importing:
    case VerdictKind::free: return 0;
    case VerdictKind::unknown: return 2;
  }
  return 2;
}

}  // namespace importlock
