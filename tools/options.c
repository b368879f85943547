/* SPDX-License-Identifier: MIT
 * Option parsing. Nothing is allocated but the lists. */
#include "tools/options.h"
#include "tools/tool.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int usage_error(const struct command *command, const char *fmt, ...)
{
    va_list ap;
    char text[1024], line[1024];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    one_line(line, sizeof line, text);
    fprintf(stderr, "pt2gpu: %s (see pt2gpu %s --help)\n", line, command->name);
    return STATUS_USAGE;
}

static void list_add(struct text_list *list, const char *text)
{
    const char **items = realloc(list->items, ((size_t)list->count + 1) * sizeof *items);
    if (!items)
        abort(); /* a few bytes at start-up */
    items[list->count++] = text;
    list->items = items;
}

void text_list_free(struct text_list *list)
{
    free(list->items);
    *list = (struct text_list){ 0 };
}

static void print_help(const struct command *command, const struct option *options)
{
    printf("usage: pt2gpu %s%s%s [options]\n%s\n", command->name, *command->arguments ? " " : "", command->arguments,
           command->summary);
    for (const struct option *o = options; o->name; o++) {
        char left[64];
        bool maybe = o->kind == OPTION_MAYBE;
        snprintf(left, sizeof left, "%s%s%s%s%s", *o->name ? "--" : "", o->name, maybe ? "[=" : o->arg ? "=" : "",
                 o->arg ? o->arg : "", maybe ? "]" : "");
        printf("%s  %-24s %s\n", o == options ? "\n" : "", left, o->help);
    }
    printf("  %-24s %s\n", "--help", "this text");
}

/* The table's row for `--name` or `--name=value`; *out_value is NULL when no `=` follows. */
static const struct option *find(const struct option *options, const char *arg, const char **out_value)
{
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    *out_value = equals ? equals + 1 : NULL;
    for (const struct option *o = options; o->name; o++)
        if (strlen(o->name) == len && strncmp(o->name, arg, len) == 0)
            return o;
    return NULL;
}

static bool set_number(const struct option *o, const char *text)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (end == text || *end || errno || v < 0 || v > INT_MAX)
        return false;
    *(int *)o->value = (int)v;
    return true;
}

static int set(const struct command *command, const struct option *o, const char *value)
{
    if (!*value)
        return usage_error(command, "--%s needs a value", o->name);
    if (o->kind == OPTION_LIST)
        list_add(o->value, value);
    else if (o->kind == OPTION_TEXT || o->kind == OPTION_MAYBE)
        *(const char **)o->value = value;
    else if (!set_number(o, value))
        return usage_error(command, "--%s=%s: not a number", o->name, value);
    return OPTIONS_OK;
}

/* One `--option` at argv[*i]; moves *i over a value that is an argument of its own. */
static int parse_one(const struct command *command, const struct option *options, int argc, char **argv, int *i)
{
    const char *value;
    const struct option *o = find(options, argv[*i] + 2, &value);
    if (!o)
        return usage_error(command, "unknown option %s", argv[*i]);
    if (o->kind == OPTION_FLAG) {
        if (value)
            return usage_error(command, "--%s takes no value", o->name);
        *(bool *)o->value = true;
        return OPTIONS_OK;
    }
    if (o->kind == OPTION_MAYBE && !value) {
        *(const char **)o->value = "";
        return OPTIONS_OK;
    }
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    if (!value)
        return usage_error(command, "--%s needs a value", o->name);
    return set(command, o, value);
}

int options_parse(const struct command *command, const struct option *options, int argc, char **argv,
                  struct text_list *rest, int max_rest)
{
    bool ended = false;
    for (int i = 0; i < argc; i++) {
        if (!ended && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_help(command, options);
            return STATUS_DONE;
        }
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (!ended && strncmp(argv[i], "--", 2) == 0) {
            int status = parse_one(command, options, argc, argv, &i);
            if (status != OPTIONS_OK)
                return status;
        } else if (rest->count == max_rest) {
            return usage_error(command, "unexpected argument %s", argv[i]);
        } else {
            list_add(rest, argv[i]);
        }
    }
    return OPTIONS_OK;
}
