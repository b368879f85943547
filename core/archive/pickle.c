/* SPDX-License-Identifier: MIT
 *
 * The stack machine.  Objects live in one table and never move in meaning; stack, memo and containers hold indices, so
 * shared and even cyclic structures cost nothing and need no ownership.  Steps, objects and memo are capped. */
#include "archive/pickle.h"

#include "archive/text.h"
#include "base/utf8.h"

enum { MAX_OBJECTS = 1 << 20, MAX_STEPS = 1 << 24, NO_OBJECT = -1 };

struct machine {
    struct pt2_pickle *p;
    const uint8_t *begin, *at, *end;
    PT2_VEC(uint32_t) stack;
    PT2_VEC(uint32_t) marks; /* stack heights */
    PT2_VEC(int64_t) memo;   /* objects or NO_OBJECT */
    uint32_t memoized;
    bool stopped;
};

struct opcode {
    const char *name;
    pt2_status (*run)(struct machine *m, const struct opcode *op);
    int width; /* bytes of the number that follows: a value, a length, or an index */
    int what;  /* kind, count or value, as the function likes */
};

typedef struct machine machine_t;
typedef const struct opcode opcode_t;

/* ---- objects ---- */

uint32_t pt2_pickle_new(struct pt2_pickle *p, enum pt2_pickle_kind kind)
{
    struct pt2_pickle_object object = {.kind = kind};
    pt2_push(p->arena, &p->objects, object);
    return p->objects.count - 1;
}

uint32_t pt2_pickle_opaque(struct pt2_pickle *p, const char *text)
{
    uint32_t i = pt2_pickle_new(p, PT2_PICKLE_OPAQUE);
    p->objects.data[i].text = text;
    return i;
}

static struct pt2_pickle_object *object_at(machine_t *m, uint32_t i)
{
    return &m->p->objects.data[i];
}

/* ---- stream and stack ---- */

static pt2_status damaged(const machine_t *m, const char *what)
{
    return pt2_fail(PT2_ERR_FORMAT, "pickle: %s at byte %zu", what, (size_t)(m->at - m->begin));
}

static pt2_status take(machine_t *m, uint64_t n, const uint8_t **out_bytes)
{
    if (n > (uint64_t)(m->end - m->at))
        return damaged(m, "truncated");
    *out_bytes = m->at;
    m->at += n;
    return PT2_OK;
}

/* A little-endian number of op->width bytes. */
static pt2_status take_number(machine_t *m, opcode_t *op, uint64_t *out_value)
{
    const uint8_t *b = NULL;
    PT2_TRY(take(m, (uint64_t)op->width, &b));
    *out_value = 0;
    for (int i = 0; i < op->width; i++)
        *out_value |= (uint64_t)b[i] << (8 * i);
    return PT2_OK;
}

static pt2_status push(machine_t *m, uint32_t object)
{
    if (m->stack.count == MAX_OBJECTS)
        return damaged(m, "too many objects");
    pt2_push(m->p->arena, &m->stack, object);
    return PT2_OK;
}

static pt2_status push_new(machine_t *m, enum pt2_pickle_kind kind, struct pt2_pickle_object **out_object)
{
    if (m->p->objects.count >= MAX_OBJECTS)
        return damaged(m, "too many objects");
    uint32_t i = pt2_pickle_new(m->p, kind);
    *out_object = object_at(m, i);
    return push(m, i);
}

/* Elements above the last mark belong to that mark's list and cannot be popped by others. */
static uint32_t floor_of_stack(const machine_t *m)
{
    return m->marks.count ? m->marks.data[m->marks.count - 1] : 0;
}

static pt2_status pop(machine_t *m, uint32_t *out_object)
{
    if (m->stack.count <= floor_of_stack(m))
        return damaged(m, "stack underflow");
    *out_object = m->stack.data[--m->stack.count];
    return PT2_OK;
}

static pt2_status top(machine_t *m, uint32_t *out_object)
{
    PT2_TRY(pop(m, out_object));
    m->stack.count++;
    return PT2_OK;
}

/* Removes the last mark; the items above it stay readable at stack.data[*out_first] until the next push. */
static pt2_status pop_mark(machine_t *m, uint32_t *out_first, uint32_t *out_count)
{
    if (!m->marks.count)
        return damaged(m, "no mark");
    *out_first = m->marks.data[--m->marks.count];
    *out_count = m->stack.count - *out_first;
    m->stack.count = *out_first;
    return PT2_OK;
}

static void add_items(machine_t *m, uint32_t container, uint32_t first, uint32_t count)
{
    struct pt2_pickle_object *o = object_at(m, container);
    for (uint32_t i = 0; i < count; i++)
        pt2_push(m->p->arena, &o->items, m->stack.data[first + i]);
}

/* ---- opcodes: values ---- */

static pt2_status run_proto(machine_t *m, opcode_t *op)
{
    uint64_t version = 0;
    PT2_TRY(take_number(m, op, &version));
    return version <= 5 ? PT2_OK : pt2_fail(PT2_ERR_UNSUPPORTED, "pickle protocol %d", (int)version);
}

static pt2_status run_frame(machine_t *m, opcode_t *op)
{
    uint64_t ignored;
    return take_number(m, op, &ignored);
}

static pt2_status run_stop(machine_t *m, opcode_t *op)
{
    (void)op;
    m->stopped = true;
    return m->marks.count ? damaged(m, "a mark is left") : pop(m, &m->p->root);
}

static pt2_status run_constant(machine_t *m, opcode_t *op)
{
    return push(m, (uint32_t)op->what); /* None, False and True are objects 0 to 2 */
}

static pt2_status run_int(machine_t *m, opcode_t *op)
{
    uint64_t v = 0;
    struct pt2_pickle_object *o = NULL;
    PT2_TRY(take_number(m, op, &v));
    PT2_TRY(push_new(m, PT2_PICKLE_INT, &o));
    o->i = op->width == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v; /* only the widest is signed */
    return PT2_OK;
}

/* Two's complement of any length, of which at most 8 bytes may matter. */
static pt2_status run_long(machine_t *m, opcode_t *op)
{
    uint64_t n = 0, v = 0;
    const uint8_t *b = NULL;
    struct pt2_pickle_object *o = NULL;
    PT2_TRY(take_number(m, op, &n));
    PT2_TRY(take(m, n, &b));
    uint8_t sign = n && b[n - 1] & 0x80 ? 0xff : 0;
    for (uint64_t i = 8; i < n; i++)
        if (b[i] != sign || (b[7] & 0x80) != (sign & 0x80))
            return damaged(m, "an integer of more than 64 bits");
    for (uint64_t i = 0; i < 8; i++)
        v |= (uint64_t)(i < n ? b[i] : sign) << (8 * i);
    PT2_TRY(push_new(m, PT2_PICKLE_INT, &o));
    o->i = (int64_t)v;
    return PT2_OK;
}

static pt2_status run_float(machine_t *m, opcode_t *op)
{
    const uint8_t *b = NULL;
    uint64_t v = 0;
    struct pt2_pickle_object *o = NULL;
    (void)op;
    PT2_TRY(take(m, 8, &b));
    for (int i = 0; i < 8; i++)
        v = v << 8 | b[i];
    PT2_TRY(push_new(m, PT2_PICKLE_FLOAT, &o));
    memcpy(&o->f, &v, sizeof v);
    return PT2_OK;
}

static pt2_status run_text(machine_t *m, opcode_t *op)
{
    uint64_t n = 0;
    const uint8_t *b = NULL;
    struct pt2_pickle_object *o = NULL;
    PT2_TRY(take_number(m, op, &n));
    PT2_TRY(take(m, n, &b));
    for (size_t i = 0; op->what == PT2_PICKLE_STRING && i < n;) {
        size_t step = pt2_utf8_length((const char *)b + i, (size_t)n - i);
        if (!step)
            return damaged(m, "text that is not UTF-8");
        i += step;
    }
    PT2_TRY(push_new(m, (enum pt2_pickle_kind)op->what, &o));
    o->text = pt2_arena_strndup(m->p->arena, (const char *)b, (size_t)n);
    o->len = (size_t)n;
    return PT2_OK;
}

/* ---- opcodes: containers ---- */

static pt2_status run_mark(machine_t *m, opcode_t *op)
{
    (void)op;
    pt2_push(m->p->arena, &m->marks, m->stack.count);
    return PT2_OK;
}

static pt2_status run_empty(machine_t *m, opcode_t *op)
{
    struct pt2_pickle_object *o = NULL;
    return push_new(m, (enum pt2_pickle_kind)op->what, &o);
}

static pt2_status make_tuple(machine_t *m, uint32_t first, uint32_t count)
{
    if (m->p->objects.count >= MAX_OBJECTS)
        return damaged(m, "too many objects");
    uint32_t tuple = pt2_pickle_new(m->p, PT2_PICKLE_TUPLE);
    add_items(m, tuple, first, count);
    return push(m, tuple);
}

static pt2_status run_tuple(machine_t *m, opcode_t *op)
{
    uint32_t first = 0, count = 0;
    (void)op;
    PT2_TRY(pop_mark(m, &first, &count));
    return make_tuple(m, first, count);
}

static pt2_status run_small_tuple(machine_t *m, opcode_t *op)
{
    uint32_t count = (uint32_t)op->what;
    if (m->stack.count - floor_of_stack(m) < count)
        return damaged(m, "stack underflow");
    m->stack.count -= count;
    return make_tuple(m, m->stack.count, count);
}

static void hold(machine_t *m, uint32_t object, uint32_t part)
{
    pt2_push(m->p->arena, &object_at(m, object)->held, part);
}

/* Items of an object of an unknown class, a subclass of list or dict. */
static pt2_status hold_items(machine_t *m, uint32_t object, opcode_t *op, uint32_t first, uint32_t count)
{
    enum pt2_pickle_kind kind = op->what == PT2_PICKLE_DICT ? PT2_PICKLE_DICT : PT2_PICKLE_LIST;
    if (m->p->objects.count >= MAX_OBJECTS)
        return damaged(m, "too many objects");
    uint32_t items = pt2_pickle_new(m->p, kind);
    add_items(m, items, first, count - (kind == PT2_PICKLE_DICT ? count % 2 : 0));
    hold(m, object, items);
    return PT2_OK;
}

/* Items go into a container of the opcode's kind. */
static pt2_status extend(machine_t *m, opcode_t *op, uint32_t first, uint32_t count)
{
    uint32_t container = 0;
    PT2_TRY(top(m, &container));
    enum pt2_pickle_kind kind = object_at(m, container)->kind;
    if (kind == PT2_PICKLE_OPAQUE)
        return hold_items(m, container, op, first, count);
    if ((int)kind != op->what || (kind == PT2_PICKLE_DICT && count % 2))
        return damaged(m, "items for something that cannot hold them");
    add_items(m, container, first, count);
    return PT2_OK;
}

static pt2_status run_extend(machine_t *m, opcode_t *op)
{
    uint32_t first = 0, count = 0;
    PT2_TRY(pop_mark(m, &first, &count));
    return extend(m, op, first, count);
}

static pt2_status run_append(machine_t *m, opcode_t *op)
{
    uint32_t count = op->what == PT2_PICKLE_DICT ? 2 : 1;
    if (m->stack.count - floor_of_stack(m) < count)
        return damaged(m, "stack underflow");
    m->stack.count -= count;
    return extend(m, op, m->stack.count, count);
}

/* ---- opcodes: memo ---- */

static pt2_status memorize(machine_t *m, uint64_t index)
{
    uint32_t object = 0;
    PT2_TRY(top(m, &object));
    if (index >= MAX_OBJECTS)
        return damaged(m, "memo index too large");
    while (m->memo.count <= index)
        pt2_push(m->p->arena, &m->memo, NO_OBJECT);
    m->memo.data[index] = object;
    m->memoized++;
    return PT2_OK;
}

static pt2_status run_put(machine_t *m, opcode_t *op)
{
    uint64_t index = 0;
    PT2_TRY(take_number(m, op, &index));
    return memorize(m, index);
}

static pt2_status run_memoize(machine_t *m, opcode_t *op)
{
    (void)op;
    return memorize(m, m->memoized);
}

static pt2_status run_get(machine_t *m, opcode_t *op)
{
    uint64_t index = 0;
    PT2_TRY(take_number(m, op, &index));
    if (index >= m->memo.count || m->memo.data[index] == NO_OBJECT)
        return damaged(m, "unknown memo index");
    return push(m, (uint32_t)m->memo.data[index]);
}

/* ---- opcodes: names and calls ---- */

static pt2_status take_line(machine_t *m, const char **out_text, size_t *out_len)
{
    const uint8_t *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!end)
        return damaged(m, "truncated");
    *out_text = (const char *)m->at;
    *out_len = (size_t)(end - m->at);
    m->at = end + 1;
    return PT2_OK;
}

static pt2_status push_global(machine_t *m, const char *module, size_t module_len, const char *name, size_t name_len)
{
    if (module_len > 200 || name_len > 200 || m->p->objects.count >= MAX_OBJECTS)
        return damaged(m, "a global name that is too long");
    return push(m, pt2_pickle_global(m->p, module, module_len, name, name_len));
}

static pt2_status run_global(machine_t *m, opcode_t *op)
{
    const char *module = NULL, *name = NULL;
    size_t module_len = 0, name_len = 0;
    (void)op;
    PT2_TRY(take_line(m, &module, &module_len));
    PT2_TRY(take_line(m, &name, &name_len));
    return push_global(m, module, module_len, name, name_len);
}

static pt2_status run_stack_global(machine_t *m, opcode_t *op)
{
    uint32_t module = 0, name = 0;
    (void)op;
    PT2_TRY(pop(m, &name));
    PT2_TRY(pop(m, &module));
    const struct pt2_pickle_object *a = object_at(m, module), *b = object_at(m, name);
    if (a->kind != PT2_PICKLE_STRING || b->kind != PT2_PICKLE_STRING)
        return damaged(m, "a global whose name is no text");
    return push_global(m, a->text, a->len, b->text, b->len);
}

static pt2_status run_reduce(machine_t *m, opcode_t *op)
{
    uint32_t function = 0, args = 0, result = 0;
    (void)op;
    PT2_TRY(pop(m, &args));
    PT2_TRY(pop(m, &function));
    if (m->p->objects.count >= MAX_OBJECTS - 1)
        return damaged(m, "too many objects");
    PT2_TRY(pt2_pickle_reduce(m->p, function, args, &result));
    return push(m, result);
}

/* An instance of a class: opaque. */
static pt2_status run_new_object(machine_t *m, opcode_t *op)
{
    uint32_t class = 0, args = 0;
    (void)op;
    PT2_TRY(pop(m, &args));
    PT2_TRY(pop(m, &class));
    if (object_at(m, class)->kind != PT2_PICKLE_GLOBAL || object_at(m, args)->kind != PT2_PICKLE_TUPLE)
        return damaged(m, "an instance of something that is no class");
    if (m->p->objects.count >= MAX_OBJECTS)
        return damaged(m, "too many objects");
    uint32_t object = pt2_pickle_opaque(m->p, object_at(m, class)->text);
    hold(m, object, args);
    return push(m, object);
}

static pt2_status run_persistent(machine_t *m, opcode_t *op)
{
    uint32_t id = 0, result = 0;
    (void)op;
    PT2_TRY(pop(m, &id));
    if (m->p->objects.count >= MAX_OBJECTS - 1)
        return damaged(m, "too many objects");
    PT2_TRY(pt2_pickle_persistent(m->p, id, &result));
    return push(m, result);
}

/* State of an object: Python attributes, which do not matter for tensors and dicts. An attribute that names the object
 * itself is no harm: who looks at what an object holds visits each once. */
static pt2_status run_build(machine_t *m, opcode_t *op)
{
    uint32_t state = 0, object = 0;
    (void)op;
    PT2_TRY(pop(m, &state));
    PT2_TRY(top(m, &object));
    if (object_at(m, object)->kind == PT2_PICKLE_OPAQUE)
        hold(m, object, state);
    return PT2_OK;
}

/* ---- the machine ---- */

static const struct opcode opcodes[256] = {
    [0x80] = {"PROTO", run_proto, 1, 0},
    ['.'] = {"STOP", run_stop, 0, 0},
    ['('] = {"MARK", run_mark, 0, 0},
    ['N'] = {"NONE", run_constant, 0, 0},
    [0x89] = {"NEWFALSE", run_constant, 0, 1},
    [0x88] = {"NEWTRUE", run_constant, 0, 2},
    ['J'] = {"BININT", run_int, 4, 0},
    ['K'] = {"BININT1", run_int, 1, 0},
    ['M'] = {"BININT2", run_int, 2, 0},
    [0x8a] = {"LONG1", run_long, 1, 0},
    ['G'] = {"BINFLOAT", run_float, 0, 0},
    ['X'] = {"BINUNICODE", run_text, 4, PT2_PICKLE_STRING},
    [0x8c] = {"SHORT_BINUNICODE", run_text, 1, PT2_PICKLE_STRING},
    [0x8d] = {"BINUNICODE8", run_text, 8, PT2_PICKLE_STRING},
    ['B'] = {"BINBYTES", run_text, 4, PT2_PICKLE_BYTES},
    ['C'] = {"SHORT_BINBYTES", run_text, 1, PT2_PICKLE_BYTES},
    [0x8e] = {"BINBYTES8", run_text, 8, PT2_PICKLE_BYTES},
    [0x96] = {"BYTEARRAY8", run_text, 8, PT2_PICKLE_BYTES},
    [')'] = {"EMPTY_TUPLE", run_empty, 0, PT2_PICKLE_TUPLE},
    [']'] = {"EMPTY_LIST", run_empty, 0, PT2_PICKLE_LIST},
    ['}'] = {"EMPTY_DICT", run_empty, 0, PT2_PICKLE_DICT},
    [0x8f] = {"EMPTY_SET", run_empty, 0, PT2_PICKLE_SET},
    ['t'] = {"TUPLE", run_tuple, 0, 0},
    [0x85] = {"TUPLE1", run_small_tuple, 0, 1},
    [0x86] = {"TUPLE2", run_small_tuple, 0, 2},
    [0x87] = {"TUPLE3", run_small_tuple, 0, 3},
    ['a'] = {"APPEND", run_append, 0, PT2_PICKLE_LIST},
    ['e'] = {"APPENDS", run_extend, 0, PT2_PICKLE_LIST},
    ['s'] = {"SETITEM", run_append, 0, PT2_PICKLE_DICT},
    ['u'] = {"SETITEMS", run_extend, 0, PT2_PICKLE_DICT},
    [0x90] = {"ADDITEMS", run_extend, 0, PT2_PICKLE_SET},
    ['q'] = {"BINPUT", run_put, 1, 0},
    ['r'] = {"LONG_BINPUT", run_put, 4, 0},
    [0x94] = {"MEMOIZE", run_memoize, 0, 0},
    ['h'] = {"BINGET", run_get, 1, 0},
    ['j'] = {"LONG_BINGET", run_get, 4, 0},
    [0x95] = {"FRAME", run_frame, 8, 0},
    ['c'] = {"GLOBAL", run_global, 0, 0},
    [0x93] = {"STACK_GLOBAL", run_stack_global, 0, 0},
    [0x81] = {"NEWOBJ", run_new_object, 0, 0},
    ['R'] = {"REDUCE", run_reduce, 0, 0},
    ['b'] = {"BUILD", run_build, 0, 0},
    ['Q'] = {"BINPERSID", run_persistent, 0, 0},
};

pt2_status pt2_pickle_parse(struct pt2_arena *arena, const uint8_t *data, size_t size, struct pt2_pickle *out_pickle)
{
    struct machine m = {.p = out_pickle, .begin = data, .at = data, .end = data + size};
    const uint8_t *code = NULL;
    *out_pickle = (struct pt2_pickle){.arena = arena};
    pt2_pickle_new(out_pickle, PT2_PICKLE_NONE);
    pt2_pickle_new(out_pickle, PT2_PICKLE_BOOL);
    out_pickle->objects.data[pt2_pickle_new(out_pickle, PT2_PICKLE_BOOL)].i = 1;
    for (uint32_t steps = 0; !m.stopped; steps++) {
        if (steps == MAX_STEPS)
            return damaged(&m, "too many opcodes");
        PT2_TRY(take(&m, 1, &code));
        const struct opcode *op = &opcodes[*code];
        if (!op->run)
            return pt2_fail(PT2_ERR_UNSUPPORTED, "pickle: opcode 0x%02x at byte %zu is not one that tensors need",
                            *code, (size_t)(code - data));
        PT2_NOTE(op->run(&m, op), "%s", op->name);
    }
    return PT2_OK;
}
