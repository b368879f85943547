/* SPDX-License-Identifier: MIT
 * UTF-8. */
#include "base/utf8.h"

size_t pt2_utf8_length(const char *text, size_t len)
{
    static const unsigned char smallest[5] = {0, 0, 0, 0xa0, 0x90};
    const unsigned char *p = (const unsigned char *)text;
    if (!len)
        return 0;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and code points above U+10FFFF. */
    if ((p[0] == 0xe0 || p[0] == 0xf0) && p[1] < smallest[n])
        return 0;
    if ((p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* The code point of a valid sequence of n bytes. */
static uint32_t code_point(const unsigned char *p, size_t n)
{
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

static bool is_harmless(uint32_t c)
{
    static const struct { uint32_t first, last; } harmful[] = {
        {0x00, 0x08}, {0x0b, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e},
        {0x2066, 0x2069}, {0xfeff, 0xfeff},
    };
    for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
        if (c >= harmful[i].first && c <= harmful[i].last)
            return false;
    return true;
}

void pt2_utf8_escape(struct pt2_str *out, const char *text, enum pt2_escape how)
{
    for (size_t left = strlen(text); left;) {
        size_t n = pt2_utf8_length(text, left), step = n ? n : 1;
        uint32_t c = n ? code_point((const unsigned char *)text, n) : (unsigned char)*text;
        if (n && is_harmless(c))
            pt2_str_add_n(out, text, n);
        else if (how == PT2_ESCAPE_JSON)
            pt2_str_addf(out, "\\u%04x", n ? c : 0xfffdu);
        else
            pt2_str_addf(out, c > 0xff ? "\\u%04x" : "\\x%02x", c);
        text += step;
        left -= step;
    }
}
