// Substring search over characters of one width, shared by str, bytes and bytearray. No function
// here allocates, and all are linear in the worst case.
//
// Forward search of bytes is the C library's memchr and memmem. Wider characters, and backward
// search, look for one end of the needle with a vectorizable scan first; when that meets too many
// false candidates, the rest of the text goes to the two-way algorithm (Crochemore and Perrin 1991),
// which needs constant space and linear time.
#pragma once

#include <Python.h>

#include <cstring>

namespace gill::search {

// Reads forward or from the end, so that the two-way search exists once.
template <class C, bool Backward>
struct Text {
  const C* data;
  Py_ssize_t length;
  C operator[](Py_ssize_t i) const { return Backward ? data[length - 1 - i] : data[i]; }
};

template <class C>
inline Py_ssize_t find_character(const C* text, Py_ssize_t n, C c) {
  if constexpr (sizeof(C) == 1) {
    // What is near is found before memchr would have begun.
    constexpr Py_ssize_t kNear = 12;
    Py_ssize_t near = n < kNear ? n : kNear;
    for (Py_ssize_t i = 0; i < near; ++i) {
      if (text[i] == c) return i;
    }
    if (n <= kNear) return -1;
    const void* hit = std::memchr(text + kNear, c, static_cast<size_t>(n - kNear));
    return hit ? static_cast<const C*>(hit) - text : -1;
  } else {
    Py_ssize_t i = 0;
    for (; i + 16 <= n; i += 16) {
      C any = 0;
      for (int k = 0; k < 16; ++k) any |= static_cast<C>(text[i + k] == c);
      if (any) break;
    }
    for (; i < n; ++i) {
      if (text[i] == c) return i;
    }
    return -1;
  }
}

template <class C>
inline Py_ssize_t rfind_character(const C* text, Py_ssize_t n, C c) {
  if constexpr (sizeof(C) == 1) {
    if (n <= 0) return -1;
    const void* hit = memrchr(text, c, static_cast<size_t>(n));
    return hit ? static_cast<const C*>(hit) - text : -1;
  } else {
    while (n >= 16) {
      C any = 0;
      for (int k = 1; k <= 16; ++k) any |= static_cast<C>(text[n - k] == c);
      if (any) break;
      n -= 16;
    }
    while (n-- > 0) {
      if (text[n] == c) return n;
    }
    return -1;
  }
}

// The start of the maximal suffix of the needle under one of the two orders, and its period.
template <class T>
inline Py_ssize_t maximal_suffix(const T& needle, Py_ssize_t m, bool inverted, Py_ssize_t& period) {
  Py_ssize_t suffix = 0, candidate = 1, offset = 0, p = 1;
  while (candidate + offset < m) {
    auto a = needle[candidate + offset];
    auto b = needle[suffix + offset];
    if (inverted ? b < a : a < b) {
      candidate += offset + 1;
      offset = 0;
      p = candidate - suffix;
    } else if (a == b) {
      if (offset + 1 == p) {
        candidate += p;
        offset = 0;
      } else {
        ++offset;
      }
    } else {
      suffix = candidate++;
      offset = 0;
      p = 1;
    }
  }
  period = p;
  return suffix;
}

// The first match in reading order, from position `from` on.
template <class T>
inline Py_ssize_t two_way(const T& text, Py_ssize_t n, const T& needle, Py_ssize_t m, Py_ssize_t from) {
  Py_ssize_t p1, p2;
  Py_ssize_t s1 = maximal_suffix(needle, m, false, p1);
  Py_ssize_t s2 = maximal_suffix(needle, m, true, p2);
  Py_ssize_t cut = s1 > s2 ? s1 : s2;
  Py_ssize_t period = s1 > s2 ? p1 : p2;
  bool periodic = cut + period <= m;
  for (Py_ssize_t i = 0; periodic && i < cut; ++i) periodic = needle[i] == needle[i + period];
  if (!periodic) period = (cut > m - cut ? cut : m - cut) + 1;
  Py_ssize_t memory = 0;
  Py_ssize_t at = from;
  while (at + m <= n) {
    Py_ssize_t i = cut > memory ? cut : memory;
    while (i < m && needle[i] == text[at + i]) ++i;
    if (i < m) {
      at += i - cut + 1;
      memory = 0;
      continue;
    }
    i = cut - 1;
    while (i >= memory && needle[i] == text[at + i]) --i;
    if (i < memory) return at;
    at += period;
    memory = periodic ? m - period : 0;
  }
  return -1;
}

// Equality of texts that are mostly so short that a call of memcmp would be the larger part.
inline bool same(const unsigned char* a, const unsigned char* b, Py_ssize_t n) {
  if (n > 8) return std::memcmp(a, b, static_cast<size_t>(n)) == 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// Position of the first occurrence, or -1. The needle may be empty.
template <class C>
inline Py_ssize_t find(const C* text, Py_ssize_t n, const C* needle, Py_ssize_t m) {
  if (m > n) return -1;
  if (m <= 1) return m == 0 ? 0 : find_character(text, n, needle[0]);
  if constexpr (sizeof(C) == 1) {
    // A match nearby is found without memmem's preparation.
    Py_ssize_t last = n - m;
    Py_ssize_t i = 0;
    for (int candidates = 0; candidates < 24; ++candidates) {
      Py_ssize_t step = find_character(text + i, last - i + 1, needle[0]);
      if (step < 0) return -1;
      i += step;
      if (text[i + m - 1] == needle[m - 1] && same(text + i + 1, needle + 1, m - 2)) return i;
      ++i;
    }
    const void* hit = memmem(text + i, static_cast<size_t>(n - i), needle, static_cast<size_t>(m));
    return hit ? static_cast<const C*>(hit) - text : -1;
  } else {
    Py_ssize_t last = n - m;
    Py_ssize_t budget = n / 4 + 64;  // characters compared in vain
    for (Py_ssize_t i = 0; i <= last; ++i) {
      // The last character discriminates as well as the first, and a miss of it is seen at once.
      Py_ssize_t step = find_character(text + i, last - i + 1, needle[0]);
      if (step < 0) return -1;
      i += step;
      if (text[i + m - 1] == needle[m - 1]) {
        Py_ssize_t k = 1;
        while (k < m && text[i + k] == needle[k]) ++k;
        if (k == m) return i;
        budget -= k;
      }
      budget -= 2;
      if (budget < 0) {
        using Forward = Text<C, false>;
        return two_way(Forward{text, n}, n, Forward{needle, m}, m, i + 1);
      }
    }
    return -1;
  }
}

// Position of the last occurrence, or -1.
template <class C>
inline Py_ssize_t rfind(const C* text, Py_ssize_t n, const C* needle, Py_ssize_t m) {
  if (m > n) return -1;
  if (m <= 1) return m == 0 ? n : rfind_character(text, n, needle[0]);
  Py_ssize_t budget = n / 4 + 64;
  Py_ssize_t end = n - m;  // the greatest position where the needle may start
  while (end >= 0) {
    Py_ssize_t i = rfind_character(text, end + 1, needle[0]);
    if (i < 0) return -1;
    Py_ssize_t k = 1;
    while (k < m && text[i + k] == needle[k]) ++k;
    if (k == m) return i;
    end = i - 1;
    budget -= k + 1;
    if (budget < 0) {
      using Reverse = Text<C, true>;
      Py_ssize_t rest = end + m;  // only positions up to `end` are left
      if (rest < m) return -1;
      Py_ssize_t at = two_way(Reverse{text, rest}, rest, Reverse{needle, m}, m, 0);
      return at < 0 ? -1 : rest - m - at;
    }
  }
  return -1;
}

// The number of occurrences that do not overlap, at most `most`.
template <class C>
inline Py_ssize_t count(const C* text, Py_ssize_t n, const C* needle, Py_ssize_t m, Py_ssize_t most) {
  if (m == 0) return n < most ? n + 1 : most;
  Py_ssize_t hits = 0;
  if (m == 1 && most == PY_SSIZE_T_MAX) {
    for (Py_ssize_t i = 0; i < n; ++i) hits += text[i] == needle[0];
    return hits;
  }
  while (hits < most) {
    Py_ssize_t at = find(text, n, needle, m);
    if (at < 0) break;
    ++hits;
    text += at + m;
    n -= at + m;
  }
  return hits;
}

// Clamps slice-like bounds: the rule of str.find's start and end.
inline void clamp(Py_ssize_t& start, Py_ssize_t& end, Py_ssize_t length) {
  if (end > length) {
    end = length;
  } else if (end < 0) {
    end += length;
    if (end < 0) end = 0;
  }
  if (start < 0) {
    start += length;
    if (start < 0) start = 0;
  }
}

}  // namespace gill::search
