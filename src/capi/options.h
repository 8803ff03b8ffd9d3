// The options of the command line, one after the other.
#pragma once

#include <Python.h>

#include <cstdio>
#include <cwchar>
#include <iterator>

namespace gill {

// Options that take a value have a colon behind them.
inline constexpr const wchar_t kShortOptions[] = L"+bBc:dEhiIJm:OPqRsStuvVW:xX:?";

struct LongOption {
  const wchar_t* text;
  bool has_value;
  int result;
};
enum { kHelp = 'h', kVersion = 'V', kCheckHash = 256, kHelpAll, kHelpEnvironment, kHelpXoptions, kReport };
inline constexpr LongOption kLongOptions[] = {
    {L"check-hash-based-pycs", true, kCheckHash}, {L"help-all", false, kHelpAll}, {L"help-env", false, kHelpEnvironment},
    {L"help-xoptions", false, kHelpXoptions},     {L"help", false, kHelp},        {L"version", false, kVersion},
};

inline constexpr wchar_t kReportText[] = L"report", kReportFileText[] = L"report=";

// Steps through options as getopt() does: `-c cmd` and `-m mod` end them.
struct OptionReader {
  const PyWideStringList& args;
  bool quiet = false;  // a first look, whose errors the second one reports
  Py_ssize_t index = 1;
  const wchar_t* rest = L"";
  const wchar_t* value = nullptr;

  template <class... A>
  void report(const char* format, A... a) {
    if (!quiet) std::fprintf(stderr, format, a...);
  }
  void report(const char* text) {
    if (!quiet) std::fputs(text, stderr);
  }

  // -1 at the end, '_' for an unknown one (reported).
  int next() {
    if (*rest == 0) {
      if (index >= args.length) return -1;
      const wchar_t* arg = args.items[index];
      if (arg[0] != L'-' || arg[1] == 0) return -1;
      if (std::wcscmp(arg, L"--") == 0) {
        ++index;
        return -1;
      }
      ++index;
      if (arg[1] == L'-') return long_option(arg + 2);
      rest = arg + 1;
    }
    wchar_t option = *rest++;
    if (option == L'J') {
      report( "-J is reserved for Jython\n");
      return '_';
    }
    const wchar_t* known = option == L':' ? nullptr : std::wcschr(kShortOptions + 1, option);
    if (!known) {
      report( "Unknown option: -%c\n", static_cast<char>(option));
      return '_';
    }
    if (known[1] == L':') {
      if (*rest) {
        value = rest;
        rest = L"";
      } else if (index < args.length) {
        value = args.items[index++];
      } else {
        report( "Argument expected for the -%c option\n", static_cast<char>(option));
        return '_';
      }
    }
    return static_cast<int>(option);
  }

  int long_option(const wchar_t* text) {
    // --report and --report=FILE are another way to say -X report and -X report=FILE.
    if (std::wcscmp(text, kReportText) == 0 || std::wcsncmp(text, kReportFileText, std::size(kReportFileText) - 1) == 0) {
      value = text;
      return kReport;
    }
    for (const LongOption& option : kLongOptions) {
      if (std::wcscmp(text, option.text) != 0) continue;
      if (option.has_value) {
        if (index >= args.length) {
          report( "Argument expected for the --%ls options\n", option.text);
          return '_';
        }
        value = args.items[index++];
      }
      return option.result;
    }
    report( "unknown option --%ls\n", text);
    return '_';
  }
};

}  // namespace gill
