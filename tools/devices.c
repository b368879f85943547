/* SPDX-License-Identifier: MIT
 * pt2gpu devices: what this machine has, in the order of preference. */
#include "tools/tool.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static void print_row(int index, const pt2_device_info *info)
{
    say("%2d  %s:%-2d %-10s %6.1f GiB  %s  [%s]\n", index, info->backend, info->number, info->kind,
           (double)info->memory / (1 << 30), info->name, info->driver);
}

static cJSON *json_row(int index, const pt2_device_info *info)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "index", index);
    cJSON_AddStringToObject(row, "backend", info->backend);
    cJSON_AddNumberToObject(row, "number", info->number);
    cJSON_AddStringToObject(row, "name", info->name);
    cJSON_AddStringToObject(row, "driver", info->driver);
    cJSON_AddStringToObject(row, "kind", info->kind);
    cJSON_AddNumberToObject(row, "memory", (double)info->memory);
    return row;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool json = false;
    const struct option options[] = {
        { "json", OPTION_FLAG, &json, NULL, "an array of objects" },
        { 0 },
    };
    struct text_list none = { 0 };
    int status = options_parse(self, options, argc, argv, &none, 0);
    if (status != OPTIONS_OK)
        return status;
    cJSON *rows = cJSON_CreateArray();
    for (int i = 0, n = pt2_device_count(); i < n; i++) {
        pt2_device_info info;
        if (pt2_device_get_info(i, &info) != PT2_OK)
            continue;
        if (json)
            cJSON_AddItemToArray(rows, json_row(i, &info));
        else
            print_row(i, &info);
    }
    if (json)
        print_json(rows);
    else
        cJSON_Delete(rows);
    return STATUS_DONE;
}

const struct command command_devices = { "devices", "", "lists the devices that were found", run };
