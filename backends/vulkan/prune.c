/* SPDX-License-Identifier: MIT
 * Leaves out what a kernel does not use of the prelude: glslang takes ten times as long for all of it, and its
 * optimiser, which would drop the rest, also folds x * 0 to 0 and (x + a) - x to a, whatever x is.
 *
 * The text is cut once into items: a function or a macro, known by its name, or a line that stays (conditions,
 * extensions, macros that define functions). Functions and macros begin in the first column. An item is kept when its
 * name occurs in the kernel or in another item that is kept; of alternatives with one name, all. */
#include "vk.h"

#include <ctype.h>

extern const char pt2_shader_prelude_glsl[], pt2_shader_math_h[], pt2_shader_special_h[];

struct item {
    const char *text; /* borrowed from the embedded sources */
    size_t len;
    char *name;       /* arena; NULL: stays always */
    uint32_t next;    /* another item with this name, plus one; or 0 */
};

static struct {
    struct pt2_arena arena;
    PT2_VEC(struct item) items;
    struct pt2_map names; /* -> number of the first item, plus one */
} lib;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static const char *line_end(const char *s)
{
    const char *end = strchr(s, '\n');
    return end ? end + 1 : s + strlen(s);
}

/* The end of a function that starts at s, and its name; NULL when there is none. */
static const char *function_end(const char *s, const char **out_name, size_t *out_len)
{
    const char *open = strchr(s, '('), *p = open;
    int depth = 0;
    if (!open || open > line_end(s))
        return NULL;
    for (*out_name = open; *out_name > s && is_word((*out_name)[-1]);)
        --*out_name;
    *out_len = (size_t)(open - *out_name);
    while (*p && *p != ')')
        p++;
    for (p += *p != 0; isspace((unsigned char)*p);)
        p++;
    if (*p != '{')
        return NULL;
    do
        depth += (*p == '{') - (*p == '}');
    while (*p++ && depth);
    return line_end(p);
}

/* The end of a macro definition, over its continued lines. */
static const char *macro_end(const char *s, const char **out_name, size_t *out_len)
{
    static const char word[] = "#define ";
    const char *end = line_end(s);
    if (strncmp(s, word, sizeof word - 1) != 0)
        return NULL;
    *out_name = s + sizeof word - 1;
    for (*out_len = 0; is_word((*out_name)[*out_len]);)
        ++*out_len;
    while (end - s > 2 && end[-2] == '\\')
        end = line_end(end);
    return end;
}

static void add_item(const char *s, const char *end, const char *name, size_t len)
{
    struct item item = { .text = s, .len = (size_t)(end - s) };
    if (name) {
        uintptr_t old = (uintptr_t)pt2_map_get_n(&lib.names, name, len);
        item.name = pt2_arena_strndup(&lib.arena, name, len);
        if (old) { /* the new one goes second in the chain */
            item.next = lib.items.data[old - 1].next;
            lib.items.data[old - 1].next = lib.items.count + 1;
        } else {
            pt2_map_put(&lib.arena, &lib.names, item.name, (void *)(uintptr_t)(lib.items.count + 1));
        }
    }
    pt2_push(&lib.arena, &lib.items, item);
}

static void cut(const char *s)
{
    while (*s) {
        const char *name = NULL, *end = NULL;
        size_t len = 0;
        if (!strncmp(s, "/*", 2)) { /* comments are dropped */
            end = strstr(s, "*/");
            s = line_end(end ? end : s);
            continue;
        }
        if (*s == '#')
            end = macro_end(s, &name, &len);
        else if (is_word(*s))
            end = function_end(s, &name, &len);
        if (!end)
            end = line_end(s), name = NULL;
        add_item(s, end, name, len);
        s = end;
    }
}

static void cut_once(void)
{
    cut(pt2_shader_prelude_glsl);
    cut(pt2_shader_math_h);
    cut(pt2_shader_special_h);
}

/* Marks what the words of a text name, and what those need. */
static void mark(const char *text, size_t len, uint8_t *used)
{
    const char *end = text + len;
    while (text < end) {
        const char *word = text;
        while (text < end && is_word(*text))
            text++;
        uintptr_t i = text > word ? (uintptr_t)pt2_map_get_n(&lib.names, word, (size_t)(text - word)) : 0;
        for (; i && !used[i - 1]; i = lib.items.data[i - 1].next) {
            used[i - 1] = 1;
            mark(lib.items.data[i - 1].text, lib.items.data[i - 1].len, used);
        }
        if (text == word)
            text++;
    }
}

void vk_add_library(const char *kernel, struct pt2_str *out)
{
    struct pt2_arena arena = { 0 };
    pthread_once(&once, cut_once);
    uint8_t *used = PT2_NEW_N(&arena, uint8_t, lib.items.count + 1);
    for (uint32_t i = 0; i < lib.items.count; i++)
        if (!lib.items.data[i].name)
            mark(lib.items.data[i].text, lib.items.data[i].len, used);
    mark(kernel, strlen(kernel), used);
    for (uint32_t i = 0; i < lib.items.count; i++)
        if (!lib.items.data[i].name || used[i])
            pt2_str_add_n(out, lib.items.data[i].text, lib.items.data[i].len);
    pt2_arena_free(&arena);
}
