/* SPDX-License-Identifier: MIT
 * strtod obeys the locale's decimal point, so the text is rewritten to it before the call. */
#include "archive/text.h"

#include "base/utf8.h"

#include <ctype.h>
#include <locale.h>
#include <stdlib.h>

bool pt2_text_int(const char *text, size_t len, int64_t *out_value)
{
    bool negative = len > 0 && text[0] == '-';
    int64_t v = 0;
    if (len == (size_t)negative)
        return false;
    for (size_t i = negative; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        int digit = text[i] - '0';
        /* Counted downwards: INT64_MIN has no positive twin. */
        if (v < (INT64_MIN + digit) / 10)
            return false;
        v = v * 10 - digit;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out_value = negative ? v : -v;
    return true;
}

bool pt2_text_double(const char *text, size_t len, double *out_value)
{
    char buf[80];
    size_t n = 0;
    const char *point = localeconv()->decimal_point;
    size_t point_len = strlen(point);
    if (!len || len > 63 || point_len > 8)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!isdigit((unsigned char)c) && c != '.' && c != 'e' && c != 'E' && c != '-' && c != '+')
            return false;
        if (c == '.' && n + point_len < sizeof buf - 2) {
            memcpy(buf + n, point, point_len);
            n += point_len;
        } else if (n < sizeof buf - 2) {
            buf[n++] = c;
        }
    }
    buf[n] = 0;
    char *end;
    *out_value = strtod(buf, &end);
    return end == buf + n;
}

const char *pt2_text_clean(struct pt2_arena *arena, const char *text, size_t len, size_t max)
{
    size_t cut = len;
    if (len > max) {
        cut = max;
        while (cut && ((unsigned char)text[cut] & 0xc0) == 0x80) /* not inside a UTF-8 sequence */
            cut--;
    }
    char *copy = pt2_arena_printf(arena, "%.*s%s", (int)cut, text, cut < len ? "..." : "");
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    struct pt2_str safe = {0};
    pt2_utf8_escape(&safe, copy, PT2_ESCAPE_TEXT);
    copy = pt2_arena_strdup(arena, pt2_str_text(&safe));
    pt2_str_free(&safe);
    return copy;
}
