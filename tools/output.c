/* SPDX-License-Identifier: MIT
 * Files that a command writes. Only what this process made is ever removed: the temporary files. */
#define _XOPEN_SOURCE 700 /* realpath, strdup */
#include "tools/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct output *new_output(struct outputs *outputs)
{
    if (outputs->count == outputs->cap) {
        int cap = outputs->cap ? outputs->cap * 2 : 4;
        struct output *grown = realloc(outputs->list, (size_t)cap * sizeof *grown);
        if (!grown)
            return NULL;
        outputs->list = grown;
        outputs->cap = cap;
    }
    struct output *o = &outputs->list[outputs->count++];
    *o = (struct output){ 0 };
    return o;
}

static pt2_status cannot_write(const char *path, int error)
{
    return pt2_fail(PT2_ERR_IO, "%s: cannot be written (%s)", path, strerror(error));
}

/* A new empty file beside the place. */
static pt2_status make_temporary(struct output *o)
{
    size_t cap = strlen(o->path) + 48;
    int fd = -1;
    o->temporary = malloc(cap);
    if (!o->temporary)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a name");
    for (int n = 0; fd < 0 && (n == 0 || errno == EEXIST); n++) {
        snprintf(o->temporary, cap, "%s.%ld-%d.part", o->path, (long)getpid(), n);
        fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    }
    if (fd >= 0) {
        close(fd);
        return PT2_OK;
    }
    free(o->temporary);
    o->temporary = NULL;
    return cannot_write(o->path, errno);
}

/* A file that exists keeps its permissions, which the new file would not have. */
static void keep_mode(const struct output *o)
{
    struct stat st;
    if (o->temporary && stat(o->path, &st) == 0)
        (void)!chmod(o->temporary, st.st_mode & 07777);
}

pt2_status outputs_add(struct outputs *outputs, const char *path, const char **out_path)
{
    struct stat st;
    bool exists = stat(path, &st) == 0, is_file = exists && S_ISREG(st.st_mode);
    struct output *o = new_output(outputs);
    if (o)
        o->path = is_file ? realpath(path, NULL) : strdup(path);
    if (!o || !o->path)
        return pt2_fail(o && is_file ? PT2_ERR_IO : PT2_ERR_NOMEM, "%s: %s", path, strerror(errno));
    *out_path = o->path;
    if (exists && S_ISDIR(st.st_mode))
        return cannot_write(path, EISDIR);
    if (exists && !is_file)
        return PT2_OK;
    PT2_TRY(make_temporary(o));
    *out_path = o->temporary;
    return PT2_OK;
}

pt2_status outputs_add_npz(struct outputs *outputs, const char *path, const struct pt2_npz *npz)
{
    const char *where;
    PT2_TRY(outputs_add(outputs, path, &where));
    return pt2_npz_write(npz, where);
}

static pt2_status put_in_place(struct output *o)
{
    if (!o->temporary)
        return PT2_OK;
    keep_mode(o);
    if (rename(o->temporary, o->path) != 0)
        return cannot_write(o->path, errno);
    free(o->temporary);
    o->temporary = NULL;
    return PT2_OK;
}

pt2_status outputs_end(struct outputs *outputs, pt2_status status)
{
    for (int k = 0; k < outputs->count; k++) {
        struct output *o = &outputs->list[k];
        if (status == PT2_OK)
            status = put_in_place(o);
        if (o->temporary)
            remove(o->temporary);
        free(o->temporary);
        free(o->path);
    }
    free(outputs->list);
    *outputs = (struct outputs){ 0 };
    return status;
}
