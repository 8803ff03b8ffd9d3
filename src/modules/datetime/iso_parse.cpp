// ISO 8601 texts to numbers: calendar dates and week dates, clocks with fractions, offsets; basic and extended form.
//
// Texts end with a NUL, which the reference takes for the end of the text wherever it stands; that and what it lets pass in front
// of an offset ("12x+01") is followed here.
#include "modules/datetime/datetime.h"

namespace gill::dates {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A place in a text; reads past the end see the NUL.
struct Cursor {
  const char* at;
  const char* end;

  bool digits(int count, int* out) {
    int value = 0;
    for (int i = 0; i < count; ++i) {
      if (!is_digit(at[i])) return false;
      value = value * 10 + (at[i] - '0');
    }
    at += count;
    *out = value;
    return true;
  }
};

// `rest`: the clock was followed by something else, which only an offset behind it makes good.
enum class ClockEnd { clean, rest, malformed };

ClockEnd parse_fraction(Cursor& text, int* microsecond) {
  int count = static_cast<int>(std::min<ptrdiff_t>(text.end - text.at, 6));
  if (!text.digits(count, microsecond)) return ClockEnd::malformed;
  for (; count < 6; ++count) *microsecond *= 10;
  while (is_digit(*text.at)) ++text.at;
  return *text.at == 0 ? ClockEnd::clean : ClockEnd::rest;
}

// HH[[:]MM[[:]SS]][(.|,)fraction]
ClockEnd parse_clock(Cursor text, Clock* out) {
  int* const fields[] = {&out->hour, &out->minute, &out->second};
  bool separated = true;
  for (int i = 0; i < 3; ++i) {
    if (!text.digits(2, fields[i])) return ClockEnd::malformed;
    char next = *text.at++;
    if (i == 0) separated = next == ':';
    if (text.at >= text.end) return next == 0 ? ClockEnd::clean : ClockEnd::rest;
    if (next == '.' || next == ',') break;
    if (separated && next != ':') return ClockEnd::malformed;
    if (!separated) --text.at;
  }
  return parse_fraction(text, &out->microsecond);
}

bool parse_week_date(Cursor& text, int year, bool extended, Civil* out) {
  int week, weekday = 1;
  if (!text.digits(2, &week)) return false;
  if (text.at < text.end) {
    if (extended && *text.at++ != '-') return false;
    if (!text.digits(1, &weekday)) return false;
  }
  return civil_of_iso_week(year, week, weekday, out) == 0;
}

}  // namespace

bool parse_iso_date(const char* begin, size_t length, Civil* out) {
  Cursor text{begin, begin + length};
  if (!text.digits(4, &out->year)) return false;
  bool extended = *text.at == '-';
  if (extended) ++text.at;
  if (*text.at == 'W') {
    ++text.at;
    return parse_week_date(text, out->year, extended, out);
  }
  if (!text.digits(2, &out->month)) return false;
  if (extended && *text.at++ != '-') return false;
  return text.digits(2, &out->day);
}

size_t iso_separator(const char* text, size_t length) {
  // YYYY-MM-DD, YYYYMMDD, YYYY-Www[-D] and YYYYWww[D]. What follows tells whether a week date has its day.
  if (length == 7) return 7;
  if (text[4] == '-') {
    if (text[5] != 'W') return 10;
    if (length > 8 && text[8] == '-') {
      // "-DTT" or "-HH": a digit behind the first digit belongs to an hour, whose separator is that dash.
      return length > 10 && is_digit(text[10]) ? 8 : 10;
    }
    return 8;
  }
  if (text[4] != 'W') return 8;
  size_t end = 7;
  while (end < length && is_digit(text[end])) ++end;
  if (end < 9) return end;
  // Digits may be the separator too: an even number of them is the clock alone.
  return end % 2 == 0 ? 7 : 8;
}

bool parse_iso_time(const char* begin, const char* end, IsoTime* out) {
  const char* sign = begin;
  while (sign < end && *sign != '+' && *sign != '-' && *sign != 'Z') ++sign;
  ClockEnd parsed = parse_clock({begin, sign}, &out->clock);
  if (parsed == ClockEnd::malformed) return false;
  if (sign == end) return parsed == ClockEnd::clean;
  out->has_offset = true;
  if (*sign == 'Z') return sign[1] == 0;
  Clock offset;
  if (parse_clock({sign + 1, end}, &offset) != ClockEnd::clean) return false;
  int direction = *sign == '-' ? -1 : 1;
  out->offset_seconds = direction * (offset.hour * 3600 + offset.minute * 60 + offset.second);
  out->offset_microseconds = direction * offset.microsecond;
  return true;
}

Ref<> zone_of_iso(const IsoTime& time) {
  if (!time.has_offset) return none();
  // Less than a second from UTC is UTC.
  if (time.offset_seconds == 0) return borrow(utc_zone());
  Ref<Delta> offset = TRY(new_delta(0, time.offset_seconds, time.offset_microseconds));
  return checked_fixed_zone(offset.object(), nullptr);
}

Failure raise_iso_error(PyObject* text) { return raise(PyExc_ValueError, "Invalid isoformat string: %R", text); }

}  // namespace gill::dates
