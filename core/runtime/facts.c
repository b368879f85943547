/* SPDX-License-Identifier: MIT
 * Facts about devices on disk. A file is written under another name and renamed: readers see all of it, or the old
 * one. */
#include "runtime/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 22 };

static void path_of(struct pt2_str *path, const char *dir, const struct pt2_device *d)
{
    struct pt2_str id = { 0 };
    pt2_str_addf(&id, "%s|%s|%s", d->backend->name, d->desc.name, d->desc.driver);
    pt2_str_addf(path, "%s/%016llx.facts", dir, (unsigned long long)pt2_hash(id.data, id.len, 1));
    pt2_str_free(&id);
}

static void read_all(const char *path, struct pt2_str *out)
{
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "r");
    while (f && out->len < MAX_FILE && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        pt2_str_add_n(out, chunk, n);
    if (f)
        fclose(f);
}

/* The rest of the line that begins with the name and a blank; NULL when there is none. */
static const char *find_line(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; *line;) {
        if (!strncmp(line, name, len) && line[len] == ' ')
            return line + len + 1;
        const char *end = strchr(line, '\n');
        if (!end)
            break;
        line = end + 1;
    }
    return NULL;
}

static bool parse(const char *line, int n, double *out)
{
    for (int k = 0; k < n; k++) {
        char *end;
        out[k] = strtod(line, &end);
        if (end == line)
            return false;
        line = end;
    }
    return *line == '\n';
}

bool pt2_fact_get(const char *dir, const struct pt2_device *device, const char *name, int n, double *out)
{
    struct pt2_str path = { 0 }, text = { 0 };
    if (!dir)
        return false;
    path_of(&path, dir, device);
    read_all(path.data, &text);
    const char *line = find_line(pt2_str_text(&text), name);
    bool found = line && parse(line, n, out);
    pt2_str_free(&path);
    pt2_str_free(&text);
    return found;
}

static void replace_line(struct pt2_str *out, const char *text, const char *name, int n, const double *values)
{
    const char *old = find_line(text, name);
    if (old) {
        const char *rest = strchr(old, '\n');
        pt2_str_add_n(out, text, (size_t)(old - text) - strlen(name) - 1);
        pt2_str_add(out, rest ? rest + 1 : "");
    } else {
        pt2_str_add(out, text);
    }
    pt2_str_add(out, name);
    for (int k = 0; k < n; k++)
        pt2_str_addf(out, " %.9g", values[k]);
    pt2_str_add(out, "\n");
}

static void write_all(const char *path, const struct pt2_str *text)
{
    struct pt2_str temp = { 0 };
    pt2_str_addf(&temp, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(temp.data, "w");
    if (f) {
        bool ok = fwrite(text->data, 1, text->len, f) == text->len;
        ok = fclose(f) == 0 && ok;
        if (!ok || rename(temp.data, path))
            remove(temp.data);
    }
    pt2_str_free(&temp);
}

void pt2_fact_put(const char *dir, const struct pt2_device *device, const char *name, int n, const double *values)
{
    struct pt2_str path = { 0 }, old = { 0 }, text = { 0 };
    if (!dir)
        return;
    path_of(&path, dir, device);
    read_all(path.data, &old);
    replace_line(&text, pt2_str_text(&old), name, n, values);
    write_all(path.data, &text);
    pt2_str_free(&path);
    pt2_str_free(&old);
    pt2_str_free(&text);
}
