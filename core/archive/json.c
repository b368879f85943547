/* SPDX-License-Identifier: MIT
 *
 * cJSON does the parsing, after a pass that quotes what it cannot hold: bare non-finite numbers (torch 2.1 - 2.6 write
 * them) and integers of more than 15 digits (cJSON keeps doubles).  The accessors take such numbers from strings. */
#include "archive/json.h"

#include "archive/text.h"
#include "base/utf8.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 512, EXACT_DIGITS = 15, MAX_PATH_LEVELS = 24 };

/* ---- the pass before cJSON ---- */

struct prepass {
    const char *in, *end;
    char *out;
    int depth;
};

static void copy(struct prepass *p, size_t n)
{
    memcpy(p->out, p->in, n);
    p->out += n;
    p->in += n;
}

static void copy_quoted(struct prepass *p, size_t n)
{
    *p->out++ = '"';
    copy(p, n);
    *p->out++ = '"';
}

static pt2_status pass_string(struct prepass *p)
{
    copy(p, 1);
    while (p->in < p->end) {
        size_t left = (size_t)(p->end - p->in), n = pt2_utf8_length(p->in, left);
        if (*p->in == '"') {
            copy(p, 1);
            return PT2_OK;
        }
        if (!n)
            return pt2_fail(PT2_ERR_FORMAT, "JSON text is not UTF-8");
        if ((unsigned char)*p->in < 0x20)
            return pt2_fail(PT2_ERR_FORMAT, "JSON string with a control character");
        if (*p->in == '\\' && left >= 6 && !memcmp(p->in, "\\u0000", 6))
            return pt2_fail(PT2_ERR_FORMAT, "JSON string with \\u0000");
        if (*p->in == '\\' && left >= 2)
            n = 1 + pt2_utf8_length(p->in + 1, left - 1);
        copy(p, n);
    }
    return pt2_fail(PT2_ERR_FORMAT, "JSON string without an end");
}

static void pass_number(struct prepass *p)
{
    size_t left = (size_t)(p->end - p->in), n = 0, digits = 0;
    while (n < left && strchr("+-0123456789.eE", p->in[n]) && p->in[n]) {
        digits += p->in[n] >= '0' && p->in[n] <= '9';
        n++;
    }
    if (digits > EXACT_DIGITS && digits + (p->in[0] == '-') == n)
        copy_quoted(p, n);
    else
        copy(p, n);
}

static bool pass_word(struct prepass *p)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(p->end - p->in) >= n && !memcmp(p->in, words[i], n)) {
            copy_quoted(p, n);
            return true;
        }
    }
    return false;
}

static pt2_status pass_all(struct prepass *p)
{
    while (p->in < p->end) {
        char c = *p->in;
        if (c == '"') {
            PT2_TRY(pass_string(p));
            continue;
        }
        p->depth += (c == '[' || c == '{') - (c == ']' || c == '}');
        if (p->depth > MAX_DEPTH)
            return pt2_fail(PT2_ERR_FORMAT, "JSON nested deeper than %d levels", MAX_DEPTH);
        if ((c == 'N' || c == 'I' || c == '-') && pass_word(p))
            continue;
        if (c == '-' || (c >= '0' && c <= '9'))
            pass_number(p);
        else
            copy(p, 1);
    }
    return PT2_OK;
}

static pt2_status parse_passed(const char *text, size_t len, cJSON **out_root)
{
    const char *end = text;
    *out_root = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    if (!*out_root)
        return pt2_fail(PT2_ERR_FORMAT, "not valid JSON (near byte %zu of %zu)", (size_t)(end - text), len);
    while (end < text + len && *end && strchr(" \t\r\n", *end))
        end++;
    if (end == text + len)
        return PT2_OK;
    cJSON_Delete(*out_root);
    *out_root = NULL;
    return pt2_fail(PT2_ERR_FORMAT, "something follows the end of the JSON text");
}

pt2_status pt2_json_parse(const char *text, size_t len, struct cJSON **out_root)
{
    /* The worst case is "NaN" throughout: five bytes for three. */
    char *buffer = len < SIZE_MAX / 2 ? malloc(len + len / 3 * 2 + 4) : NULL;
    if (!buffer)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for %zu bytes of JSON", len);
    struct prepass p = {.in = text, .end = text + len, .out = buffer};
    pt2_status status = pass_all(&p);
    if (status == PT2_OK)
        status = parse_passed(buffer, (size_t)(p.out - buffer), out_root);
    free(buffer);
    return status;
}

/* ---- failing with a path ---- */

static void add_level(const struct pt2_at *at, char *buf, size_t size)
{
    size_t n = strlen(buf);
    if (at->key)
        snprintf(buf + n, size - n, "%s%.80s", n ? "." : "", at->key);
    else if (at->up)
        snprintf(buf + n, size - n, "[%u]", at->index);
}

pt2_status pt2_at_fail(const struct pt2_at *at, pt2_status status, const char *fmt, ...)
{
    const struct pt2_at *levels[MAX_PATH_LEVELS];
    char path[400] = "", text[400];
    int n = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (const struct pt2_at *a = at; a && n < MAX_PATH_LEVELS; a = a->up)
        levels[n++] = a;
    while (n--)
        add_level(levels[n], path, sizeof path);
    return pt2_fail(status, "%s%s%s", path, *path ? ": " : "", text);
}

static pt2_status wrong_type(const struct pt2_at *at, const char *wanted)
{
    return pt2_at_fail(at, PT2_ERR_FORMAT, "%s, expected %s", at->v ? "wrong type" : "missing", wanted);
}

/* ---- walking ---- */

pt2_status pt2_at_maybe(const struct pt2_at *object, const char *key, struct pt2_at *out)
{
    if (!object->v || !cJSON_IsObject(object->v))
        return wrong_type(object, "an object");
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object->v, key);
    *out = (struct pt2_at){.v = v && !cJSON_IsNull(v) ? v : NULL, .up = object, .key = key};
    return PT2_OK;
}

pt2_status pt2_at_field(const struct pt2_at *object, const char *key, struct pt2_at *out)
{
    PT2_TRY(pt2_at_maybe(object, key, out));
    return out->v ? PT2_OK : wrong_type(out, "a value");
}

bool pt2_at_next(const struct pt2_at *list, struct pt2_at *it)
{
    bool first = !it->v;
    const cJSON *v = first ? list->v->child : it->v->next;
    *it = (struct pt2_at){.v = v, .up = list, .key = v ? v->string : NULL, .index = first ? 0 : it->index + 1};
    return v != NULL;
}

pt2_status pt2_at_union(const struct pt2_at *object, struct pt2_at *out)
{
    const cJSON *found = NULL;
    if (!object->v || !cJSON_IsObject(object->v))
        return wrong_type(object, "a union");
    for (const cJSON *v = object->v->child; v; v = v->next) {
        if (cJSON_IsNull(v))
            continue;
        if (found)
            return pt2_at_fail(object, PT2_ERR_FORMAT, "a union with two tags: %.40s and %.40s", found->string,
                               v->string);
        found = v;
    }
    if (!found)
        return pt2_at_fail(object, PT2_ERR_FORMAT, "a union without a tag");
    *out = (struct pt2_at){.v = found, .up = object, .key = found->string};
    return PT2_OK;
}

static pt2_status container(const struct pt2_at *at, int type, const char *wanted, uint32_t *out_count)
{
    if (!at->v || (at->v->type & 0xff) != type)
        return wrong_type(at, wanted);
    uint32_t n = 0;
    for (const cJSON *v = at->v->child; v; v = v->next)
        n++;
    *out_count = n;
    return PT2_OK;
}

pt2_status pt2_at_array(const struct pt2_at *at, uint32_t *out_count)
{
    return container(at, cJSON_Array, "a list", out_count);
}

pt2_status pt2_at_object(const struct pt2_at *at, uint32_t *out_count)
{
    return container(at, cJSON_Object, "an object", out_count);
}

/* ---- scalars ---- */

pt2_status pt2_at_int(const struct pt2_at *at, int64_t *out_value)
{
    const double exact = 9007199254740992.0; /* 2^53 */
    const cJSON *v = at->v;
    if (v && cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble) && fabs(v->valuedouble) <= exact) {
        *out_value = (int64_t)v->valuedouble;
        return PT2_OK;
    }
    if (v && cJSON_IsString(v) && pt2_text_int(v->valuestring, strlen(v->valuestring), out_value))
        return PT2_OK;
    return wrong_type(at, "an integer");
}

pt2_status pt2_at_double(const struct pt2_at *at, double *out_value)
{
    static const struct { const char *text; double value; } special[] = {
        {"Infinity", INFINITY}, {"-Infinity", -INFINITY}, {"NaN", NAN}};
    const cJSON *v = at->v;
    if (v && cJSON_IsNumber(v)) {
        *out_value = v->valuedouble;
        return PT2_OK;
    }
    if (!v || !cJSON_IsString(v))
        return wrong_type(at, "a number");
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (!strcmp(v->valuestring, special[i].text)) {
            *out_value = special[i].value;
            return PT2_OK;
        }
    return pt2_text_double(v->valuestring, strlen(v->valuestring), out_value) ? PT2_OK : wrong_type(at, "a number");
}

pt2_status pt2_at_bool(const struct pt2_at *at, bool *out_value)
{
    if (!at->v || !cJSON_IsBool(at->v))
        return wrong_type(at, "true or false");
    *out_value = cJSON_IsTrue(at->v);
    return PT2_OK;
}

bool pt2_at_is_text(const struct pt2_at *at)
{
    return at->v && cJSON_IsString(at->v);
}

pt2_status pt2_at_text(const struct pt2_at *at, const char **out_text)
{
    if (!pt2_at_is_text(at))
        return wrong_type(at, "text");
    *out_text = at->v->valuestring;
    return PT2_OK;
}

/* ---- fields of a known type ---- */

pt2_status pt2_at_field_int(const struct pt2_at *object, const char *key, int64_t *out_value)
{
    struct pt2_at at;
    PT2_TRY(pt2_at_field(object, key, &at));
    return pt2_at_int(&at, out_value);
}

pt2_status pt2_at_field_text(const struct pt2_at *object, const char *key, const char **out_text)
{
    struct pt2_at at;
    PT2_TRY(pt2_at_field(object, key, &at));
    return pt2_at_text(&at, out_text);
}

pt2_status pt2_at_field_array(const struct pt2_at *object, const char *key, struct pt2_at *out, uint32_t *out_count)
{
    PT2_TRY(pt2_at_field(object, key, out));
    return pt2_at_array(out, out_count);
}

pt2_status pt2_at_field_object(const struct pt2_at *object, const char *key, struct pt2_at *out, uint32_t *out_count)
{
    PT2_TRY(pt2_at_field(object, key, out));
    return pt2_at_object(out, out_count);
}
