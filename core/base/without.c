/* SPDX-License-Identifier: MIT
 * Names of optimisations. */
#include "base/without.h"

#include <string.h>

static const char *const names[] = {
#define X(name, text) [PT2_OPT_##name] = text,
    PT2_OPTIMISATIONS(X)
#undef X
};

#define X(name, text) " " text
static const char all_names[] = PT2_OPTIMISATIONS(X);
#undef X

pt2_status pt2_without_parse(const char *list, uint32_t *out_without)
{
    *out_without = 0;
    while (list && *list) {
        size_t n = strcspn(list, ",");
        int k = 0;
        while (k < PT2_OPT_COUNT && (strlen(names[k]) != n || strncmp(names[k], list, n) != 0))
            k++;
        if (k == PT2_OPT_COUNT)
            return pt2_fail(PT2_ERR_ARG, "there is no optimisation '%.*s'; there are:%s", (int)n, list, all_names);
        *out_without |= 1u << k;
        list += n + (list[n] == ',');
    }
    return PT2_OK;
}
