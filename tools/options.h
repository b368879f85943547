/* SPDX-License-Identifier: MIT
 *
 * Command-line options, described by a table: `--name value` and `--name=value`, anywhere between the other arguments;
 * `--` ends them. `--help` comes from the same table.
 */
#ifndef PT2_TOOLS_OPTIONS_H
#define PT2_TOOLS_OPTIONS_H

#include <stdbool.h>

enum option_kind {
    OPTION_FLAG,   /* bool *: no value */
    OPTION_TEXT,   /* const char ** */
    OPTION_NUMBER, /* int *, >= 0 */
    OPTION_LIST,   /* struct text_list *: may be given several times */
    OPTION_MAYBE,  /* const char **: a value may follow, after `=` only; "" when none does */
};

struct option {
    const char *name; /* without the dashes; "": more help for the row above; NULL ends the table */
    enum option_kind kind;
    void *value;     /* borrowed: where the result goes; it keeps its default when the option is not given */
    const char *arg; /* how the help calls the value; NULL for flags */
    const char *help;
};

struct text_list {
    const char **items; /* owned; the texts are argv's */
    int count;
};

/* A subcommand, for the dispatch and its own --help. */
struct command {
    const char *name;
    const char *arguments; /* "MODEL.pt2" */
    const char *summary;   /* one line */
    int (*run)(const struct command *self, int argc, char **argv); /* argv without the command's name */
};

enum { OPTIONS_OK = -1 };

/* Returns OPTIONS_OK, or the exit status to end with: 0 after --help, 2 after a message about a mistake. The other
 * arguments are added to `rest`; more than `max_rest` are a mistake. */
int options_parse(const struct command *command, const struct option *options, int argc, char **argv,
                  struct text_list *rest, int max_rest);
void text_list_free(struct text_list *list);

/* Prints "pt2gpu: <message>" and where to find help; returns the exit status for usage errors. */
int usage_error(const struct command *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
