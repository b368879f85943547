/* SPDX-License-Identifier: MIT
 * The pt2gpu command: finds the subcommand. Without one, the arguments are those of `run`. */
#include "tools/tool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &command_run, &command_info, &command_plan, &command_check, &command_bench, &command_trace, &command_tune,
    &command_devices,
};

enum { NUM_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    puts("usage: pt2gpu COMMAND ...        pt2gpu MODEL.pt2 is short for pt2gpu run MODEL.pt2\n"
         "Runs the files that torch.export.save writes, on GPUs, through Vulkan and OpenCL.\n");
    for (int i = 0; i < NUM_COMMANDS; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    puts("\npt2gpu COMMAND --help tells the command's options; pt2gpu --version the version.\n\n"
         "Exit status: 0 done, 1 the file or its data is bad, 2 usage, 3 an operator or feature is not supported,\n"
         "4 a comparison found a difference, 5 a device or driver failed.");
}

static const struct command *find(const char *name)
{
    for (int i = 0; i < NUM_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* A word that names neither a command nor a file is a mistyped command. */
static bool is_mistyped(const char *word)
{
    return word[0] != '-' && !strpbrk(word, "./") && access(word, F_OK) != 0;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        fputs("pt2gpu: which model? (see pt2gpu --help)\n", stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return STATUS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("pt2gpu %s\n", pt2_version());
        return STATUS_DONE;
    }
    const struct command *command = find(argv[1]);
    if (command)
        return command->run(command, argc - 2, argv + 2);
    if (is_mistyped(argv[1])) {
        fprintf(stderr, "pt2gpu: there is no command %s (see pt2gpu --help)\n", argv[1]);
        return STATUS_USAGE;
    }
    return command_run.run(&command_run, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int status = dispatch(argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == STATUS_DONE) {
        perror("pt2gpu: standard output");
        return STATUS_DATA;
    }
    return status;
}
