#pragma once

#include <string>

#include "model/report.hpp"

namespace importlock {

// The words that a verdict is made of.

/// "MainThread (LWP 4242)"
std::string label(const ThreadFacts& thread);
/// "videoin.py:17"
std::string place(const std::string& file, int line);
/// The place of one of the thread's frames; empty where there is no such frame.
std::string place_of(const ThreadFacts& thread, std::size_t frame);
/// The same, of the first frame from that one outwards that is not the standard library's: where
/// the program can be changed. The frame itself where there is none.
std::string own_place_of(const ThreadFacts& thread, std::size_t frame);
/// Whether it is for a lock of the program or of C code: one that has an address.
bool is_program_lock(const Wait& wait);
/// The lock that is waited for, as Verdict::lock has it: "import lock", "RLock self.lock".
std::string name_of_lock(const Wait& wait);
/// What is waited for, with its article: "the end of Thread-1", "an Event", "the import lock".
std::string phrase(const Wait& wait);
/// "waits for an Event"; "is blocked in read (/run/queue)" where the wait is outside the process.
std::string waits_clause(const Wait& wait);
/// What could end such a wait: "set", "notify", "serve", "release" …
std::string_view verb_that_ends(WaitKind kind);
/// ", for at most 598 more seconds", of a wait with a time-out; empty for any other.
std::string time_left(const Wait& wait);
/// "MainThread (LWP 4242) waits for the end of Thread-1 in Thread.join (videoin.py:18)"
std::string wait_sentence(const ThreadReport& thread);
/// "3 threads", "1 thread"
std::string count(std::size_t number, std::string_view noun);

}  // namespace importlock
