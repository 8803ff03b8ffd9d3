// The report of a process that a signal ends: what can be said without Python, in signal context.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <csignal>

namespace gill {

struct FatalAction {
  int number;
  const char* text;
  bool installed = false;
  struct sigaction previous = {};
};

// Owned by Runtime, never freed: a handler may run at any time.
struct ExitReport {
  char path[4096] = "";  // empty: text to standard error
  pid_t pid = 0;         // of the process that began; others are forked children
  int exit_code = -1;    // -1: not known
  std::atomic<pid_t> written_by = 0;
  FatalAction actions[9] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"},  {SIGABRT, "SIGABRT"},
                            {SIGTERM, "SIGTERM"}, {SIGQUIT, "SIGQUIT"}, {SIGHUP, "SIGHUP"}, {SIGXCPU, "SIGXCPU"}};
};

// For those signals that would end the process as they are handled now. The report written, they do.
void handle_fatal_signals(ExitReport* report);

}  // namespace gill
