/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the archive reader: any bytes, opened as an archive in memory, must be accepted or refused without a defect.
 * Build with clang -fsanitize=fuzzer,address,undefined -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION, which also turns off
 * checksums.  With PT2_FUZZ_STANDALONE it has a main of its own that replays the files given as arguments.
 *
 * Bytes that begin with "E:", "P:" or "T:" go to the parser of expressions, pickles or tree specs alone.
 *
 * The mutator works at three levels: the whole file, the text of one record (JSON grows and shrinks at the cost of
 * spaces), and one digit or tag in it, so that most inputs get past the ZIP directory. */
#include "archive/pickle.h"
#include "archive/program.h"
#include "archive/treespec.h"

#include <stdio.h>
#include <stdlib.h>

extern volatile unsigned pt2_fuzz_sink;
volatile unsigned pt2_fuzz_sink; /* keeps the reads below alive */

/* Reads the first and the last element that a tensor says it has. */
static void touch(const struct pt2_stored_tensor *t)
{
    if (!t || !t->storage || !t->storage->data)
        return;
    size_t last = (size_t)t->offset, element = pt2_dtype_size(t->dtype);
    for (int i = 0; i < t->rank; i++) {
        if (!t->sizes[i])
            return;
        last += (size_t)(t->sizes[i] - 1) * (size_t)t->strides[i];
    }
    pt2_fuzz_sink = t->storage->data[(size_t)t->offset * element];
    pt2_fuzz_sink = t->storage->data[last * element + element - 1];
}

static void touch_all(const struct pt2_program *p)
{
    for (uint32_t i = 0; i < p->num_inputs; i++)
        touch(p->inputs[i].stored);
    for (uint32_t i = 0; p->samples && i < p->num_in_leaves; i++)
        if (p->samples[i].kind == PT2_ARG_VALUE)
            touch(&p->samples[i].tensor);
}

/* ---- parts ---- */

static pt2_status fuzz_expression(struct pt2_arena *arena, const uint8_t *data, size_t size)
{
    const struct pt2_symexpr *e;
    return pt2_symexpr_parse(arena, (const char *)data, size, &e);
}

static pt2_status fuzz_pickle(struct pt2_arena *arena, const uint8_t *data, size_t size)
{
    struct pt2_pickle pickle;
    return pt2_pickle_parse(arena, data, size, &pickle);
}

static pt2_status fuzz_tree(struct pt2_arena *arena, const uint8_t *data, size_t size)
{
    struct pt2_tree tree = {0};
    uint32_t n = 0;
    PT2_TRY(pt2_tree_parse(arena, pt2_arena_strndup(arena, (const char *)data, size), NULL, &tree));
    pt2_tree_names(arena, &tree, "x", PT2_NEW_N(arena, const char *, tree.num_leaves), &n);
    return n == tree.num_leaves ? PT2_OK : (abort(), PT2_ERR_INTERNAL);
}

static const struct part {
    char letter;
    pt2_status (*run)(struct pt2_arena *arena, const uint8_t *data, size_t size);
} parts[] = {{'E', fuzz_expression}, {'P', fuzz_pickle}, {'T', fuzz_tree}};

static const struct part *find_part(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts && size >= 2; i++)
        if (data[0] == (uint8_t)parts[i].letter && data[1] == ':')
            return &parts[i];
    return NULL;
}

/* A copy of exactly this size, so that reading past its end is seen. */
static void run_part(const struct part *part, const uint8_t *data, size_t size)
{
    struct pt2_arena arena = {0};
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    if (part->run(&arena, copy, size) != PT2_OK)
        (void)pt2_error_message();
    pt2_arena_free(&arena);
    free(copy);
}

/* ---- the whole ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct part *part = find_part(data, size);
    if (part) {
        run_part(part, data + 2, size - 2);
        return 0;
    }
    static const struct pt2_archive_limits limits = {
        .json_bytes = 1 << 22, .pickle_bytes = 1 << 20, .inflate_bytes = 1 << 22, .tensor_bytes = (uint64_t)1 << 32};
    struct pt2_program *program;
    if (pt2_program_open_memory(data, size, "input", NULL, &limits, &program) != PT2_OK)
        return 0;
    touch_all(program);
    pt2_program_destroy(&program);
    return 0;
}

#ifdef PT2_FUZZ_STANDALONE

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, n = 0;
    if (!f) {
        perror(path);
        return 1;
    }
    do {
        uint8_t *more = realloc(data, size + 65536);
        if (!more)
            abort();
        data = more;
        n = fread(data + size, 1, 65536, f);
        size += n;
    } while (n);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    return failed;
}

#else

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Mutates `size` bytes in place: shorter results are filled up with spaces. */
static void mutate_window(uint8_t *data, size_t size)
{
    size_t n = LLVMFuzzerMutate(data, size, size);
    memset(data + n, ' ', size - n);
}

/* The data behind a random local header that looks sane; 0 when there is none. */
static size_t find_record(const uint8_t *data, size_t size, unsigned seed, size_t *out_at)
{
    size_t found = 0, seen = 0;
    for (size_t i = 0; i + 64 < size; i++) {
        if (memcmp(data + i, "PK\3\4", 4) != 0)
            continue;
        size_t at = i + 30 + data[i + 26] + 256u * data[i + 27] + data[i + 28] + 256u * data[i + 29], end = at;
        while (end + 4 < size && memcmp(data + end, "PK", 2) != 0)
            end++;
        if (at < end && seed % ++seen == 0) {
            found = end - at;
            *out_at = at;
        }
    }
    return found;
}

/* Moves the tail of a JSON text that ends in spaces, to make room at `at`. */
static void insert_text(uint8_t *data, size_t size, size_t at, const char *text)
{
    size_t n = strlen(text);
    if (at + n > size)
        return;
    memmove(data + at + n, data + at, size - at - n);
    memcpy(data + at, text, n);
}

static void mutate_json(uint8_t *data, size_t size, unsigned seed)
{
    static const char *const words[] = {"null", "-1", "[]", "{}", "9223372036854775807", "true", "\"\"", "1e308", "0",
                                        "NaN",  "\"as_none\":true,", "16", "99999999999", "(", "//", "'", "**"};
    size_t at = seed % size, width = 1 + (seed >> 8) % 24;
    if (seed >> 16 & 1) {
        insert_text(data, size, at, words[(seed >> 20) % (sizeof words / sizeof *words)]);
        return;
    }
    mutate_window(data + at, at + width < size ? width : size - at);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (find_part(data, size)) /* the letter stays */
        return 2 + LLVMFuzzerMutate(data + 2, size - 2, max_size - 2);
    size_t at = 0, n = find_record(data, size, seed >> 3, &at);
    if (seed % 4 == 0 || !n)
        return LLVMFuzzerMutate(data, size, max_size);
    if (seed % 4 == 1)
        mutate_window(data + at, n);
    else
        mutate_json(data + at, n, seed * 2654435761u);
    return size;
}

#endif
