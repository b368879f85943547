/* SPDX-License-Identifier: MIT
 *
 * The container types do not matter for running a model; only the shape of the tree and names for its children do.
 * A `context` is JSON text, a JSON object, or a bare word, depending on the type; any list of as many keys as there are
 * children is taken for their names, so that types unknown here (dataclasses, model outputs) get names as well. */
#include "archive/treespec.h"

#include "archive/json.h"
#include "archive/text.h"

#include <cjson/cJSON.h>

enum { MAX_DEPTH = 200, MAX_KEY_SHOWN = 80 };

struct reader {
    struct pt2_arena *arena;
    const struct pt2_at *fields; /* NULL or treespec_namedtuple_fields */
    int depth;
};

/* ---- keys ---- */

static const char *key_text(struct pt2_arena *arena, const cJSON *key)
{
    if (cJSON_IsString(key))
        return pt2_arena_strdup(arena, key->valuestring);
    const cJSON *name = cJSON_IsObject(key) ? cJSON_GetObjectItemCaseSensitive(key, "name") : NULL; /* an enum */
    if (name && cJSON_IsString(name))
        return pt2_arena_strdup(arena, name->valuestring);
    char *printed = cJSON_PrintUnformatted(key);
    const char *copy = pt2_arena_strdup(arena, printed ? printed : "?");
    cJSON_free(printed);
    return copy;
}

static void take_keys(struct pt2_arena *arena, const cJSON *list, struct pt2_tree *tree)
{
    uint32_t n = 0;
    if (!cJSON_IsArray(list) || (uint32_t)cJSON_GetArraySize(list) != tree->num_children || tree->keys)
        return;
    tree->keys = PT2_NEW_N(arena, const char *, tree->num_children);
    for (const cJSON *key = list->child; key; key = key->next)
        tree->keys[n++] = key_text(arena, key);
}

/* ["a", "b"], or [["a", "b"], ...] for dataclasses and caches, or {"dict_context": ["a", "b"]}. */
static void keys_from_context(struct pt2_arena *arena, const cJSON *context, struct pt2_tree *tree)
{
    if (cJSON_IsObject(context))
        context = cJSON_GetObjectItemCaseSensitive(context, "dict_context");
    if (cJSON_IsArray(context) && cJSON_IsArray(context->child))
        take_keys(arena, context->child, tree);
    else if (cJSON_IsArray(context))
        take_keys(arena, context, tree);
}

static pt2_status keys_from_namedtuple(struct reader *r, const char *type, struct pt2_tree *tree)
{
    struct pt2_at entry, names;
    if (!r->fields || !r->fields->v)
        return PT2_OK;
    PT2_TRY(pt2_at_maybe(r->fields, type, &entry));
    if (!entry.v)
        return PT2_OK;
    PT2_TRY(pt2_at_maybe(&entry, "field_names", &names));
    if (names.v)
        take_keys(r->arena, names.v, tree);
    return PT2_OK;
}

static pt2_status read_keys(struct reader *r, const struct pt2_at *at, struct pt2_tree *tree)
{
    struct pt2_at context;
    const char *text;
    cJSON *parsed;
    PT2_TRY(pt2_at_maybe(at, "context", &context));
    if (!context.v || !tree->num_children)
        return PT2_OK;
    if (!pt2_at_is_text(&context)) {
        keys_from_context(r->arena, context.v, tree);
        return PT2_OK;
    }
    PT2_TRY(pt2_at_text(&context, &text));
    if (!strcmp(tree->type, "collections.namedtuple"))
        return keys_from_namedtuple(r, text, tree);
    if (pt2_json_parse(text, strlen(text), &parsed) != PT2_OK) /* a bare word of a type that we do not know */
        return PT2_OK;
    keys_from_context(r->arena, parsed, tree);
    cJSON_Delete(parsed);
    return PT2_OK;
}

/* ---- the tree ---- */

static pt2_status read_tree(struct reader *r, const struct pt2_at *at, struct pt2_tree *tree);

static pt2_status read_children(struct reader *r, const struct pt2_at *children, struct pt2_tree *tree)
{
    tree->children = PT2_NEW_N(r->arena, struct pt2_tree, tree->num_children);
    for (struct pt2_at it = {0}; pt2_at_next(children, &it);) {
        struct pt2_tree *child = &tree->children[it.index];
        PT2_TRY(read_tree(r, &it, child));
        tree->num_leaves += child->num_leaves;
    }
    return PT2_OK;
}

static pt2_status read_tree(struct reader *r, const struct pt2_at *at, struct pt2_tree *tree)
{
    struct pt2_at type, children;
    const char *text;
    PT2_TRY(pt2_at_maybe(at, "type", &type));
    PT2_TRY(pt2_at_field_array(at, "children_spec", &children, &tree->num_children));
    if (!type.v) {
        tree->num_leaves = 1;
        return tree->num_children ? pt2_at_fail(at, PT2_ERR_FORMAT, "a leaf with children") : PT2_OK;
    }
    PT2_TRY(pt2_at_text(&type, &text));
    tree->type = pt2_arena_strdup(r->arena, text);
    PT2_TRY(read_keys(r, at, tree));
    if (++r->depth > MAX_DEPTH)
        return pt2_at_fail(at, PT2_ERR_FORMAT, "nested deeper than %d", MAX_DEPTH);
    PT2_TRY(read_children(r, &children, tree));
    r->depth--;
    return PT2_OK;
}

static pt2_status read_root(struct reader *r, const cJSON *root, struct pt2_tree *tree)
{
    struct pt2_at top = {.v = root}, it = {0};
    uint32_t count;
    int64_t protocol;
    PT2_TRY(pt2_at_array(&top, &count));
    if (count != 2)
        return pt2_fail(PT2_ERR_FORMAT, "not a tree spec");
    pt2_at_next(&top, &it);
    PT2_TRY(pt2_at_int(&it, &protocol));
    if (protocol != 1)
        return pt2_fail(PT2_ERR_UNSUPPORTED, "tree spec protocol %lld", (long long)protocol);
    pt2_at_next(&top, &it);
    return read_tree(r, &it, tree);
}

pt2_status pt2_tree_parse(struct pt2_arena *arena, const char *text, const struct pt2_at *fields,
                          struct pt2_tree *out_tree)
{
    struct reader r = {.arena = arena, .fields = fields};
    cJSON *root;
    PT2_TRY(pt2_json_parse(text, strlen(text), &root));
    pt2_status status = read_root(&r, root, out_tree);
    cJSON_Delete(root);
    return status;
}

/* ---- names ---- */

static const char *child_name(struct pt2_arena *arena, const struct pt2_tree *tree, uint32_t i, const char *base)
{
    if (!tree->keys)
        return pt2_arena_printf(arena, "%s[%u]", base, i);
    const char *key = pt2_text_clean(arena, tree->keys[i], strlen(tree->keys[i]), MAX_KEY_SHOWN);
    return *base ? pt2_arena_printf(arena, "%s.%s", base, key) : key;
}

void pt2_tree_names(struct pt2_arena *arena, const struct pt2_tree *tree, const char *base, const char **names,
                    uint32_t *n)
{
    if (!tree->type) {
        names[(*n)++] = base;
        return;
    }
    for (uint32_t i = 0; i < tree->num_children; i++)
        if (tree->children[i].num_leaves)
            pt2_tree_names(arena, &tree->children[i], child_name(arena, tree, i, base), names, n);
}
