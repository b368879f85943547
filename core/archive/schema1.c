/* SPDX-License-Identifier: MIT
 *
 * What only torch 2.1 writes: maps from value names to FQNs instead of specs, and constants inside the graph's JSON.
 * The graph reader has lifted those constants to inputs behind the others. */
#include "archive/load.h"
#include "archive/torchsave.h"

#include <cjson/cJSON.h>

/* ---- signature ---- */

/* The FQN that a map of value names gives for `name`; NULL when it has none. */
static pt2_status look_up(struct pt2_load *ld, const struct pt2_at *map, const char *name, const char **out_fqn)
{
    struct pt2_at at;
    PT2_TRY(pt2_at_maybe(map, name, &at));
    *out_fqn = NULL;
    return at.v ? pt2_load_name(ld, &at, out_fqn) : PT2_OK;
}

static pt2_status read_input(struct pt2_load *ld, const struct pt2_at *signature, struct pt2_input_spec *s)
{
    struct pt2_at parameters, buffers;
    PT2_TRY(pt2_at_field(signature, "inputs_to_parameters", &parameters));
    PT2_TRY(pt2_at_field(signature, "inputs_to_buffers", &buffers));
    s->kind = PT2_INPUT_PARAMETER;
    PT2_TRY(look_up(ld, &parameters, s->value->name, &s->fqn));
    if (s->fqn)
        return PT2_OK;
    s->kind = PT2_INPUT_BUFFER;
    PT2_TRY(look_up(ld, &buffers, s->value->name, &s->fqn));
    if (!s->fqn)
        s->kind = PT2_INPUT_USER;
    return PT2_OK;
}

static pt2_status read_inputs(struct pt2_load *ld, const struct pt2_at *graph, const struct pt2_at *signature)
{
    struct pt2_program *p = ld->program;
    struct pt2_at inputs;
    uint32_t num_real;
    PT2_TRY(pt2_at_field_array(graph, "inputs", &inputs, &num_real));
    p->num_inputs = p->graph->num_inputs;
    p->inputs = PT2_NEW_N(ld->arena, struct pt2_input_spec, p->num_inputs);
    for (uint32_t i = 0; i < p->num_inputs; i++) {
        struct pt2_input_spec *s = &p->inputs[i];
        s->value = p->graph->inputs[i];
        if (i < num_real) {
            PT2_TRY(read_input(ld, signature, s));
            continue;
        }
        s->kind = PT2_INPUT_TENSOR_CONSTANT;
        s->fqn = s->value->name;
    }
    return PT2_OK;
}

/* Mutated buffers come first; the same value may follow as a result. */
static pt2_status read_output(struct pt2_load *ld, const struct pt2_at *mutations, bool may_mutate,
                              struct pt2_output_spec *s)
{
    const char *fqn = NULL;
    s->kind = PT2_OUTPUT_USER;
    s->target = -1;
    if (may_mutate && s->arg->kind == PT2_ARG_VALUE)
        PT2_TRY(look_up(ld, mutations, s->arg->value->name, &fqn));
    if (!fqn)
        return PT2_OK;
    s->kind = PT2_OUTPUT_BUFFER_MUTATION;
    s->target = pt2_load_find_written(ld->program, s->kind, fqn);
    if (s->target < 0 || s->arg->value->kind != PT2_VALUE_TENSOR)
        return pt2_at_fail(mutations, PT2_ERR_FORMAT, "%.100s cannot be written", fqn);
    return PT2_OK;
}

pt2_status pt2_load_signature1(struct pt2_load *ld, const struct pt2_at *graph, const struct pt2_at *signature)
{
    struct pt2_program *p = ld->program;
    struct pt2_at mutations;
    uint32_t num_mutations;
    PT2_TRY(read_inputs(ld, graph, signature));
    PT2_TRY(pt2_at_field_object(signature, "buffers_to_mutate", &mutations, &num_mutations));
    p->num_outputs = p->graph->num_outputs;
    p->outputs = PT2_NEW_N(ld->arena, struct pt2_output_spec, p->num_outputs);
    for (uint32_t i = 0; i < p->num_outputs; i++) {
        p->outputs[i].arg = &p->graph->outputs[i];
        PT2_TRY(read_output(ld, &mutations, i < num_mutations, &p->outputs[i]));
    }
    return PT2_OK;
}

/* ---- constants ---- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static pt2_status decode_base64(const char *text, uint8_t *out, uint64_t *out_size)
{
    uint32_t bits = 0;
    int have = 0;
    uint64_t n = 0;
    for (; *text && *text != '='; text++) {
        int digit = base64_digit(*text);
        if (digit < 0)
            return pt2_fail(PT2_ERR_FORMAT, "not base64");
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    *out_size = n;
    return PT2_OK;
}

static pt2_status read_constant(struct pt2_load *ld, const struct pt2_at *at, struct pt2_stored_tensor *t)
{
    const char *text;
    uint8_t *bytes;
    uint64_t size = 0;
    PT2_TRY(pt2_at_text(at, &text));
    PT2_TRY(pt2_file_block(ld->file, strlen(text), &bytes));
    PT2_TRY(decode_base64(text, bytes, &size));
    return pt2_torchsave_tensor_bytes(ld, bytes, size, t);
}

pt2_status pt2_load_constants1(struct pt2_load *ld, const struct pt2_at *graph)
{
    struct pt2_at constants;
    uint32_t count;
    PT2_TRY(pt2_at_maybe(graph, "constants", &constants));
    if (!constants.v)
        return PT2_OK;
    PT2_TRY(pt2_at_object(&constants, &count));
    for (struct pt2_at it = {0}; pt2_at_next(&constants, &it);) {
        struct pt2_stored_tensor *t = PT2_NEW(ld->arena, struct pt2_stored_tensor);
        PT2_NOTE(read_constant(ld, &it, t), "constants.%.100s", it.key);
        pt2_map_put(&ld->scratch, &ld->constants, pt2_load_intern(ld, it.key), t);
    }
    return PT2_OK;
}
