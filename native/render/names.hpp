#pragma once

#include <string>
#include <string_view>

#include "model/report.hpp"

namespace importlock {

// The words of the JSON contract for each kind; the text report uses the same.
std::string_view name_of(TargetKind kind);
std::string_view name_of(FoundBy found_by);
std::string_view name_of(ImportLockState state);
std::string_view name_of(GilState state);
std::string_view name_of(WaitKind kind);
std::string_view name_of(VerdictKind kind);

/// What a thread waits for, in the fewest words: "import lock", "module lock of videoin".
std::string short_name_of(const Wait& wait);

}  // namespace importlock
