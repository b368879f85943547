/* SPDX-License-Identifier: MIT
 * pt2gpu run --list: many models in one process, each on its sample inputs. A failure is a line, not the end; the
 * exit status is the largest of all lines. */
#include "base/npz.h"
#include "tools/inputs.h"
#include "tools/output.h"
#include "tools/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pt2_status run_and_write(const char *model_path, const char *out_path, const pt2_model_params *params,
                                struct plan_facts *out_facts)
{
    pt2_model *model = NULL;
    pt2_session *session = NULL;
    struct pt2_npz results = { 0 };
    struct outputs files = { 0 };
    pt2_status status;
    PT2_GOTO(out, pt2_model_open(model_path, params, &model));
    *out_facts = plan_facts(model);
    PT2_GOTO(out, pt2_session_create(model, &session));
    PT2_GOTO(out, pt2_session_run(session));
    PT2_GOTO(out, outputs_collect(model, session, true, &results));
    PT2_GOTO(out, outputs_add_npz(&files, out_path, &results));
out:
    status = outputs_end(&files, status);
    pt2_npz_free(&results);
    pt2_session_destroy(&session);
    pt2_model_destroy(&model);
    return status;
}

/* MODEL.pt2<TAB>OUT.npz */
static enum exit_status run_line(char *line, const pt2_model_params *params)
{
    char message[1024];
    struct plan_facts facts;
    line[strcspn(line, "\r\n")] = 0;
    if (!*line)
        return STATUS_DONE;
    char *tab = strchr(line, '\t');
    pt2_status status;
    if (tab) {
        *tab = 0;
        status = run_and_write(line, tab + 1, params, &facts);
    } else {
        status = pt2_fail(PT2_ERR_ARG, "the line has no tab");
    }
    if (status == PT2_OK) {
        say("ok\t%s\t%s\n", line, facts.where);
    } else {
        one_line(message, sizeof message, pt2_error_message());
        say("error\t%d\t%s\t%s\n", exit_status_of(status), line, message);
    }
    fflush(stdout);
    return exit_status_of(status);
}

enum exit_status run_list(const char *path, const pt2_model_params *params)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    enum exit_status worst = STATUS_DONE;
    if (!file)
        return tool_fail(pt2_fail(PT2_ERR_IO, "%s: %s", path, strerror(errno)));
    while (getline(&line, &cap, file) >= 0) {
        enum exit_status one = run_line(line, params);
        worst = one > worst ? one : worst;
    }
    free(line);
    if (file != stdin)
        fclose(file);
    return worst;
}
