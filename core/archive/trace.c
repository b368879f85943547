/* SPDX-License-Identifier: MIT
 * Debugging texts of a node. They hold whatever the exporting machine had: paths are cut to their last component. */
#include "archive/load.h"

#include "archive/text.h"

enum { MAX_LINE = 160 };

static const char *line_end(const char *p)
{
    const char *end = strchr(p, '\n');
    return end ? end : p + strlen(p);
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static const char *base_name(const char *path, const char *end)
{
    for (const char *p = end; p > path; p--)
        if (p[-1] == '/' || p[-1] == '\\')
            return p;
    return path;
}

/* 'File "x/y.py", line 12, in forward' and the line of code after it. */
static const char *format_frame(struct pt2_arena *arena, const char *frame)
{
    static const char line[] = "\", line ";
    const char *path = frame + strlen("File \""), *end = line_end(frame);
    const char *quote = strstr(path, line);
    if (!quote || quote > end)
        return "";
    const char *file = base_name(path, quote), *number = quote + sizeof line - 1;
    size_t digits = strspn(number, "0123456789");
    const char *in = number + digits;
    in = !strncmp(in, ", in ", 5) ? in + 5 : end;
    const char *code = *end ? skip_blanks(end + 1) : end;
    if (end - frame > 4096 || line_end(code) - code > 4096)
        return "";
    const char *text = pt2_arena_printf(arena, "%.*s:%.*s in %.*s: %.*s", (int)(quote - file), file, (int)digits,
                                        number, (int)(end - in), in, (int)(line_end(code) - code), code);
    return pt2_text_clean(arena, text, strlen(text), MAX_LINE);
}

const char *pt2_trace_python_line(struct pt2_arena *arena, const char *stack_trace)
{
    const char *frame = NULL;
    for (const char *p = stack_trace; *p;) {
        const char *begin = skip_blanks(p), *end = line_end(p);
        if (!strncmp(begin, "File \"", 6))
            frame = begin;
        p = *end ? end + 1 : end;
    }
    return frame ? format_frame(arena, frame) : "";
}

/* "key,path,type;key,path,type": the path of the last item. Brackets and quotes in keys may hold the separators. */
const char *pt2_trace_module_path(struct pt2_arena *arena, const char *nn_module_stack)
{
    const char *path = "", *end = path;
    int depth = 0, field = 0;
    const char *begin = nn_module_stack;
    for (const char *p = nn_module_stack;; p++) {
        if (*p && (depth > 0 || !strchr(",;", *p))) {
            depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
            continue;
        }
        if (field == 1) {
            path = begin;
            end = p;
        }
        field = *p == ',' ? field + 1 : 0;
        begin = p + 1;
        if (!*p)
            break;
    }
    return pt2_text_clean(arena, path, (size_t)(end - path), MAX_LINE);
}
