/* SPDX-License-Identifier: MIT
 * NumPy files as inputs, outputs and state. NumPy has no bfloat16 and no float8: what the command writes as float32 it
 * also takes as such. Python numbers are taken from any array of one number of their kind. */
#include "tools/inputs.h"
#include "base/dtype.h"
#include "runtime/random_inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether an array of dtype `from` may stand for one of dtype `to` that NumPy does not have, or for a Python number. */
static bool can_become(pt2_dtype from, pt2_dtype to, bool is_scalar)
{
    if (from == to)
        return false;
    if (pt2_dtype_is_float(to) && pt2_dtype_size(to) <= 2 && to != PT2_F16)
        return from == PT2_F32;
    if (!is_scalar)
        return false;
    return to == PT2_F64 ? pt2_dtype_is_float(from) : to == PT2_I64 && pt2_dtype_is_int(from);
}

/* float32, or the bits as an integer or as '|V2', for a bfloat16. */
static pt2_status adapt(const pt2_tensor *given, pt2_dtype wanted, bool is_scalar, struct pt2_npz *keep,
                        pt2_tensor *out)
{
    *out = *given;
    if (wanted == PT2_BF16 && given->dtype == PT2_U16)
        out->dtype = PT2_BF16;
    if (is_scalar && pt2_tensor_count(given) == 1)
        out->rank = 0;
    if (!can_become(given->dtype, wanted, is_scalar))
        return PT2_OK;
    pt2_tensor copy;
    PT2_TRY(pt2_tensor_convert(out, wanted, &copy));
    pt2_status status = pt2_npz_add(keep, "", &copy);
    free(copy.data);
    if (status == PT2_OK)
        *out = keep->arrays[keep->count - 1].tensor;
    return status;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The number in "in_<number>", or -1. */
static int index_in_name(const char *name)
{
    char *end;
    if (!starts_with(name, "in_") || name[3] < '0' || name[3] > '9')
        return -1;
    long v = strtol(name + 3, &end, 10);
    return *end || v > 1000000 ? -1 : (int)v;
}

/* The leaf that an array is for; -1: none, -2: an array to be ignored. */
static int leaf_of(const pt2_model *model, const char *name)
{
    pt2_leaf_info info;
    int count = pt2_model_input_count(model), index = index_in_name(name);
    if (index >= 0 && index < count)
        return index;
    for (int i = 0; i < count; i++) {
        if (pt2_model_input_info(model, i, &info) != PT2_OK)
            continue;
        bool first_tensor = !*name && info.dtype != PT2_NONE && !info.is_constant && !info.is_scalar; /* of a .npy */
        if (first_tensor || (*name && strcmp(name, info.name) == 0))
            return i;
    }
    return starts_with(name, "out_") || starts_with(name, "exact_") ? -2 : -1;
}

static pt2_status bind_array(struct inputs *inputs, const char *path, const struct pt2_npz_array *array,
                             const pt2_model *model, pt2_session *session, bool *bound)
{
    pt2_leaf_info info;
    pt2_tensor tensor;
    int leaf = leaf_of(model, array->name);
    if (leaf == -2)
        return PT2_OK;
    if (leaf < 0)
        return pt2_fail(PT2_ERR_INPUT, "%s: the model has no input %s (pt2gpu info lists them)", path,
                        *array->name ? array->name : "for an array");
    PT2_TRY(pt2_model_input_info(model, leaf, &info));
    bound[leaf] = true;
    if (info.dtype == PT2_NONE) /* a string that was fixed at export, say */
        return PT2_OK;
    PT2_TRY(adapt(&array->tensor, info.dtype, info.is_scalar, &inputs->converted, &tensor));
    char number[16];
    snprintf(number, sizeof number, "%d", leaf);
    PT2_TRY(pt2_npz_borrow(&inputs->bound, number, &tensor));
    return pt2_note(pt2_session_set_input(session, leaf, &tensor), "%s", path);
}

static pt2_status check_all_bound(const char *path, const pt2_model *model, const bool *bound)
{
    pt2_leaf_info info;
    int count = pt2_model_input_count(model);
    for (int i = 0; i < count; i++) {
        PT2_TRY(pt2_model_input_info(model, i, &info));
        if (!bound[i] && info.dtype != PT2_NONE && !info.is_constant)
            return pt2_fail(PT2_ERR_INPUT, "%s: input %d (%s) is missing: an array in_%d or %s", path, i, info.name, i,
                            info.name);
    }
    return PT2_OK;
}

pt2_status inputs_bind(struct inputs *inputs, const char *path, const pt2_model *model, pt2_session *session)
{
    PT2_TRY(pt2_npz_read(path, &inputs->file));
    bool *bound = calloc((size_t)pt2_model_input_count(model) + 1, sizeof *bound);
    if (!bound)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for inputs");
    pt2_status status = PT2_OK;
    for (int i = 0; i < inputs->file.count && status == PT2_OK; i++)
        status = bind_array(inputs, path, &inputs->file.arrays[i], model, session, bound);
    if (status == PT2_OK)
        status = check_all_bound(path, model, bound);
    free(bound);
    return status;
}

/* ---- random inputs ---- */

enum { MAX_SIZES = 64 };

static bool parse_seed(const char *text, uint64_t *out_seed)
{
    char *end;
    errno = 0;
    *out_seed = *text ? strtoull(text, &end, 10) : 0;
    return !*text || (*text >= '0' && *text <= '9' && !*end && !errno);
}

static bool parse_size(struct pt2_arena *arena, const char *text, struct pt2_size_choice *out)
{
    const char *equals = strchr(text, '=');
    char *end;
    if (!equals || equals == text || equals[1] < '0' || equals[1] > '9')
        return false;
    errno = 0;
    out->size = strtoll(equals + 1, &end, 10);
    out->name = pt2_arena_strndup(arena, text, (size_t)(equals - text));
    return !*end && !errno;
}

int random_usage(const struct command *self, const struct input_choice *choice, bool has_files)
{
    struct pt2_arena arena = { 0 };
    struct pt2_size_choice ignored;
    uint64_t seed;
    int status = OPTIONS_OK;
    if (choice->random && has_files)
        status = usage_error(self, "--random does not go with --input");
    else if (choice->random && !parse_seed(choice->random, &seed))
        status = usage_error(self, "--random=%s: not a number", choice->random);
    else if (choice->sizes.count && !choice->random)
        status = usage_error(self, "--size is for --random");
    else if (choice->sizes.count > MAX_SIZES)
        status = usage_error(self, "more than %d --size", MAX_SIZES);
    for (int k = 0; k < choice->sizes.count && status == OPTIONS_OK; k++)
        if (!parse_size(&arena, choice->sizes.items[k], &ignored))
            status = usage_error(self, "--size=%s: a name and a number were expected, such as s12=512",
                                 choice->sizes.items[k]);
    pt2_arena_free(&arena);
    return status;
}

static pt2_status draw_inputs(struct inputs *inputs, const struct input_choice *choice, pt2_model *model,
                              pt2_session *session)
{
    struct pt2_size_choice sizes[MAX_SIZES];
    int count = pt2_model_input_count(model);
    pt2_tensor *leaves = PT2_NEW_N(&inputs->drawn, pt2_tensor, count + 1);
    uint64_t seed = 0;
    (void)parse_seed(choice->random, &seed); /* random_usage has checked them */
    for (int k = 0; k < choice->sizes.count; k++)
        (void)parse_size(&inputs->drawn, choice->sizes.items[k], &sizes[k]);
    PT2_TRY(pt2_random_inputs(model, seed, sizes, choice->sizes.count, &inputs->drawn, leaves));
    for (int k = 0; k < count; k++) {
        char number[16];
        snprintf(number, sizeof number, "%d", k);
        if (leaves[k].dtype == PT2_NONE)
            continue;
        PT2_TRY(pt2_npz_borrow(&inputs->bound, number, &leaves[k]));
        PT2_TRY(pt2_session_set_input(session, k, &leaves[k]));
    }
    return PT2_OK;
}

/* Before anything runs, so that the message can say what to do. */
static pt2_status need_samples(const pt2_model *model)
{
    pt2_leaf_info info;
    pt2_tensor ignored;
    for (int k = 0, n = pt2_model_input_count(model); k < n; k++) {
        PT2_TRY(pt2_model_input_info(model, k, &info));
        if (info.is_constant || info.dtype == PT2_NONE || pt2_model_sample_input(model, k, &ignored) == PT2_OK)
            continue;
        char why[1024];
        snprintf(why, sizeof why, "%s", pt2_error_message());
        return pt2_fail(PT2_ERR_INPUT, "%.900s; give --input=FILE or --random", why);
    }
    return PT2_OK;
}

pt2_status inputs_prepare(struct inputs *inputs, const char *path, const struct input_choice *choice, pt2_model *model,
                          pt2_session *session)
{
    if (path)
        return inputs_bind(inputs, path, model, session);
    return choice->random ? draw_inputs(inputs, choice, model, session) : need_samples(model);
}

void inputs_leaves(const struct inputs *inputs, const pt2_model *model, pt2_tensor *out_leaves)
{
    for (int i = 0, n = pt2_model_input_count(model); i < n; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        const pt2_tensor *tensor = pt2_npz_find(&inputs->bound, number);
        out_leaves[i] = tensor ? *tensor : (pt2_tensor){ .dtype = PT2_NONE };
    }
}

void inputs_free(struct inputs *inputs)
{
    pt2_npz_free(&inputs->bound);
    pt2_npz_free(&inputs->file);
    pt2_npz_free(&inputs->converted);
    pt2_arena_free(&inputs->drawn);
}

pt2_status outputs_collect(const pt2_model *model, pt2_session *session, bool borrow, struct pt2_npz *npz)
{
    for (int i = 0, n = pt2_model_output_count(model); i < n; i++) {
        pt2_tensor tensor;
        char name[32];
        PT2_TRY(pt2_session_output(session, i, &tensor));
        snprintf(name, sizeof name, "out_%d", i);
        if (tensor.dtype != PT2_NONE)
            PT2_TRY(borrow ? pt2_npz_borrow(npz, name, &tensor) : pt2_npz_add(npz, name, &tensor));
    }
    return PT2_OK;
}

/* ---- state ---- */

static pt2_status find_state(const pt2_session *session, const char *name, pt2_tensor *out)
{
    for (int i = 0, n = pt2_session_state_count(session); i < n; i++) {
        const char *its_name;
        PT2_TRY(pt2_session_get_state((pt2_session *)session, i, &its_name, out));
        if (strcmp(its_name, name) == 0)
            return PT2_OK;
    }
    return pt2_fail(PT2_ERR_INPUT, "the model has no state named %s", name);
}

static pt2_status set_states(pt2_session *session, const struct pt2_npz *npz, struct pt2_npz *keep)
{
    for (int i = 0; i < npz->count; i++) {
        const struct pt2_npz_array *a = &npz->arrays[i];
        pt2_tensor now, tensor;
        PT2_TRY(find_state(session, a->name, &now));
        PT2_TRY(adapt(&a->tensor, now.dtype, false, keep, &tensor));
        PT2_TRY(pt2_session_set_state(session, a->name, &tensor));
    }
    return PT2_OK;
}

pt2_status state_load(pt2_session *session, const char *path)
{
    struct pt2_npz npz = { 0 }, keep = { 0 };
    pt2_status status = pt2_npz_read(path, &npz);
    if (status == PT2_OK)
        status = pt2_note(set_states(session, &npz, &keep), "%s", path);
    pt2_npz_free(&npz);
    pt2_npz_free(&keep);
    return status;
}

pt2_status state_save(pt2_session *session, struct outputs *files, const char *path)
{
    struct pt2_npz npz = { 0 };
    pt2_status status = PT2_OK;
    for (int i = 0, n = pt2_session_state_count(session); i < n && status == PT2_OK; i++) {
        const char *name;
        pt2_tensor tensor;
        status = pt2_session_get_state(session, i, &name, &tensor);
        if (status == PT2_OK) /* the next call may use the same memory */
            status = pt2_npz_add(&npz, name, &tensor);
    }
    if (status == PT2_OK)
        status = outputs_add_npz(files, path, &npz);
    pt2_npz_free(&npz);
    return status;
}
