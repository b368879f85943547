/* SPDX-License-Identifier: MIT
 * Reads names of operators, one a line, and prints those that have a row. */
#include "ops/lower.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (pt2_op_find(line))
            puts(line);
    }
    return 0;
}
