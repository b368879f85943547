/* SPDX-License-Identifier: MIT
 * Kernels become pipelines: text -> SPIR-V (shaderc, or a file of the cache) -> pipeline.
 *
 * A few threads take kernels from one list. The key of a cached SPIR-V module is the hash of the whole source
 * text, which holds the prelude and the signature, and of the names of device and driver. What the driver makes of
 * it is kept in one VkPipelineCache per device, saved when the device is closed. */
#include "vk.h"

#include "base/cache.h"

#include <shaderc/shaderc.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 8 };

static atomic_int compilations;

int pt2_vulkan_compilations(void)
{
    return atomic_load(&compilations);
}

/* ---- text to SPIR-V ---- */

/* One compiler for all threads: shaderc allows it. */
static shaderc_compiler_t get_compiler(struct vk_device *d)
{
    pthread_mutex_lock(&d->compiler_lock);
    if (!d->compiler)
        d->compiler = shaderc_compiler_initialize();
    shaderc_compiler_t compiler = d->compiler;
    pthread_mutex_unlock(&d->compiler_lock);
    return compiler;
}

/* What the compiler says comes on lines of its own. */
static pt2_status take_result(const char *kernel, shaderc_compilation_result_t result, struct vk_spirv *out)
{
    if (!result || shaderc_result_get_compilation_status(result) != shaderc_compilation_status_success)
        return pt2_fail(PT2_ERR_COMPILE, "kernel %s: shaderc refused it\n%s", kernel,
                        result ? shaderc_result_get_error_message(result) : "");
    out->size = shaderc_result_get_length(result);
    out->words = malloc(out->size + 1);
    if (!out->words)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a shader");
    memcpy(out->words, shaderc_result_get_bytes(result), out->size);
    return PT2_OK;
}

static pt2_status run_shaderc(struct vk_device *d, const struct pt2_kernel *k, const struct pt2_str *text,
                              struct vk_spirv *out)
{
    shaderc_compiler_t compiler = get_compiler(d);
    shaderc_compile_options_t options = compiler ? shaderc_compile_options_initialize() : NULL;
    if (!options)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for shaderc");
    shaderc_compile_options_set_target_env(options, shaderc_target_env_vulkan, shaderc_env_version_vulkan_1_1);
    /* Not optimised: see prune.c. */
    shaderc_compile_options_set_optimization_level(options, shaderc_optimization_level_zero);
    shaderc_compilation_result_t result =
        shaderc_compile_into_spv(compiler, text->data, text->len, shaderc_compute_shader, k->name, "main", options);
    pt2_status status = take_result(k->name, result, out);
    if (result)
        shaderc_result_release(result);
    shaderc_compile_options_release(options);
    atomic_fetch_add(&compilations, 1);
    if (status == PT2_OK && k->matrices)
        status = vk_take_matrices(out);
    return status == PT2_OK ? vk_forbid_contraction(out) : status;
}

static pt2_status get_spirv(struct vk_device *d, const struct pt2_kernel *k, const char *cache_dir,
                            struct vk_spirv *out)
{
    struct pt2_str text = { 0 };
    pt2_status status = PT2_OK;
    vk_source(d, k, &text);
    uint64_t key[2] = { pt2_hash(text.data, text.len, d->cache_key[0]),
                        pt2_hash(text.data, text.len, d->cache_key[1]) };
    out->words = cache_dir ? pt2_cache_get(cache_dir, key, "spv", &out->size) : NULL;
    if (out->words) {
        atomic_fetch_add(&d->base.found, 1);
    } else {
        atomic_fetch_add(&d->base.compiled, 1);
        status = run_shaderc(d, k, &text, out);
        if (status == PT2_OK && cache_dir)
            pt2_cache_put(cache_dir, key, "spv", out->words, out->size);
    }
    pt2_str_free(&text);
    return status;
}

/* ---- SPIR-V to a pipeline ---- */

VkDescriptorType vk_descriptor_type(const struct pt2_program_obj *p, uint32_t binding)
{
    bool texels = binding < (uint32_t)p->num_bufs && p->texels[binding] != VK_FORMAT_UNDEFINED;
    return texels ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
}

static pt2_status make_layouts(struct vk_device *d, struct pt2_program_obj *p)
{
    uint32_t n = (uint32_t)p->num_bufs + (p->num_params && !p->pushes);
    VkDescriptorSetLayoutBinding *bindings = calloc(n + 1, sizeof *bindings);
    if (!bindings)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a kernel");
    for (uint32_t i = 0; i < n; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){ .binding = i, .descriptorType = vk_descriptor_type(p, i),
                                                      .descriptorCount = 1, .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT };
    VkDescriptorSetLayoutCreateInfo set = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                            .bindingCount = n, .pBindings = bindings };
    VkResult r = d->CreateDescriptorSetLayout(d->handle, &set, NULL, &p->set_layout);
    free(bindings);
    if (r != VK_SUCCESS)
        return vk_fail(d, r, "vkCreateDescriptorSetLayout");
    VkPushConstantRange range = { VK_SHADER_STAGE_COMPUTE_BIT, 0, (uint32_t)p->num_params * 4 };
    VkPipelineLayoutCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                        .setLayoutCount = 1, .pSetLayouts = &p->set_layout,
                                        .pushConstantRangeCount = p->num_params && p->pushes,
                                        .pPushConstantRanges = &range };
    VK_TRY(d, CreatePipelineLayout, d->handle, &info, NULL, &p->layout);
    return PT2_OK;
}

static pt2_status make_pipeline(struct vk_device *d, const struct pt2_kernel *k, const struct vk_spirv *spirv,
                                struct pt2_program_obj *p)
{
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = (uint32_t)d->base.desc.caps.subgroup_size,
    };
    VkShaderModuleCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = spirv->size,
                                      .pCode = spirv->words };
    VkShaderModule module;
    VK_TRY(d, CreateShaderModule, d->handle, &info, NULL, &module);
    VkComputePipelineCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                   .module = module, .pName = "main" },
        .layout = p->layout,
    };
    if (k->matrices && d->has.sizes_subgroups)
        create.stage.pNext = &subgroup;
    VkResult r = d->CreateComputePipelines(d->handle, d->pipelines, 1, &create, NULL, &p->pipeline);
    d->DestroyShaderModule(d->handle, module, NULL);
    if (r == VK_SUCCESS)
        return PT2_OK;
    pt2_status status = vk_fail(d, r, "vkCreateComputePipelines");
    return status == PT2_ERR_DEVICE ? PT2_ERR_COMPILE : status;
}

static pt2_status check_limits(const struct vk_device *d, const struct pt2_kernel *k)
{
    const struct pt2_caps *caps = &d->base.desc.caps;
    if (k->local_size < 1 || k->local_size > caps->max_local_size)
        return pt2_fail(PT2_ERR_DEVICE, "%d invocations per group; the device has %d", k->local_size,
                        caps->max_local_size);
    if ((uint32_t)k->num_bufs + 1 > d->has.max_buffers)
        return pt2_fail(PT2_ERR_DEVICE, "%d buffers; the device has %u", k->num_bufs, d->has.max_buffers - 1);
    return PT2_OK;
}

static struct pt2_program_obj *new_program(const struct vk_device *d, const struct pt2_kernel *k)
{
    struct pt2_program_obj *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->texels = calloc((size_t)k->num_bufs + 1, sizeof *p->texels);
    if (!p->texels) {
        free(p);
        return NULL;
    }
    p->num_bufs = k->num_bufs;
    p->num_params = k->num_params;
    for (int i = 0; i < k->num_bufs; i++)
        p->texels[i] = vk_texel_format(d, &k->bufs[i]);
    p->pushes = vk_pushes_params(d, k->num_params);
    p->points_per_group = (uint64_t)(k->points_per_group > 0 ? k->points_per_group : k->local_size);
    return p;
}

static pt2_status compile_one(struct vk_device *d, const struct pt2_kernel *k, const char *cache_dir,
                              struct pt2_program_obj **out_program)
{
    struct vk_spirv spirv = { 0 };
    PT2_TRY(check_limits(d, k));
    struct pt2_program_obj *p = new_program(d, k);
    if (!p)
        return pt2_fail(PT2_ERR_NOMEM, "no memory for a kernel");
    pt2_status status = get_spirv(d, k, cache_dir, &spirv);
    if (status == PT2_OK)
        status = make_layouts(d, p);
    if (status == PT2_OK)
        status = make_pipeline(d, k, &spirv, p);
    free(spirv.words);
    if (status != PT2_OK) {
        vk_program_destroy(&d->base, p);
        return status;
    }
    *out_program = p;
    return PT2_OK;
}

void vk_program_destroy(struct pt2_device *device, struct pt2_program_obj *program)
{
    struct vk_device *d = vk_dev(device);
    if (!program)
        return;
    if (program->pipeline)
        d->DestroyPipeline(d->handle, program->pipeline, NULL);
    if (program->layout)
        d->DestroyPipelineLayout(d->handle, program->layout, NULL);
    if (program->set_layout)
        d->DestroyDescriptorSetLayout(d->handle, program->set_layout, NULL);
    free(program->texels);
    free(program);
}

/* ---- many kernels ---- */

struct work {
    struct vk_device *device;
    const struct pt2_kernel *const *kernels;
    int count;
    const char *cache_dir;
    struct pt2_program_obj **programs;
    atomic_int next;
    atomic_int status; /* of the first failure */
    pthread_mutex_t lock;
    char *message;     /* owned; of that failure */
};

static void note_failure(struct work *w, const struct pt2_kernel *k, pt2_status status)
{
    pthread_mutex_lock(&w->lock);
    if (atomic_load(&w->status) == PT2_OK) {
        struct pt2_str s = { 0 };
        pt2_str_addf(&s, "kernel %s: %s", k->name, pt2_error_message());
        w->message = s.data;
        atomic_store(&w->status, (int)status);
    }
    pthread_mutex_unlock(&w->lock);
}

static void *compile_some(void *arg)
{
    struct work *w = arg;
    int i;
    while ((i = atomic_fetch_add(&w->next, 1)) < w->count && atomic_load(&w->status) == PT2_OK) {
        pt2_status status = compile_one(w->device, w->kernels[i], w->cache_dir, &w->programs[i]);
        if (status != PT2_OK)
            note_failure(w, w->kernels[i], status);
    }
    return NULL;
}

/* This thread works too; it does everything when no other can be started. */
static void compile_all(struct work *w)
{
    pthread_t threads[MAX_THREADS];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int want = cores < MAX_THREADS ? (int)cores : MAX_THREADS, n = 0;
    for (int i = 1; i < want && i < w->count; i++)
        if (!pthread_create(&threads[n], NULL, compile_some, w))
            n++;
    compile_some(w);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

/* Reads what an earlier process saved, once. */
static pt2_status open_pipelines(struct vk_device *d, const char *cache_dir)
{
    VkPipelineCacheCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO };
    void *data = NULL;
    size_t size = 0;
    VkResult r = VK_SUCCESS;
    pthread_mutex_lock(&d->compiler_lock);
    if (cache_dir && !d->cache_dir)
        d->cache_dir = strdup(cache_dir);
    if (!d->pipelines) {
        data = cache_dir ? pt2_cache_get(cache_dir, d->cache_key, "pipelines", &size) : NULL;
        d->pipelines_size = info.initialDataSize = size, info.pInitialData = data;
        r = d->CreatePipelineCache(d->handle, &info, NULL, &d->pipelines);
        free(data);
    }
    pthread_mutex_unlock(&d->compiler_lock);
    return r == VK_SUCCESS ? PT2_OK : vk_fail(d, r, "vkCreatePipelineCache");
}

static void save_pipelines(struct vk_device *d)
{
    size_t size = 0;
    if (d->GetPipelineCacheData(d->handle, d->pipelines, &size, NULL) != VK_SUCCESS || size <= d->pipelines_size)
        return;
    void *data = malloc(size);
    if (data && d->GetPipelineCacheData(d->handle, d->pipelines, &size, data) == VK_SUCCESS)
        pt2_cache_put(d->cache_dir, d->cache_key, "pipelines", data, size);
    free(data);
}

void vk_compiler_free(struct vk_device *d)
{
    if (d->pipelines && d->cache_dir && !atomic_load(&d->lost))
        save_pipelines(d);
    if (d->pipelines)
        d->DestroyPipelineCache(d->handle, d->pipelines, NULL);
    if (d->compiler)
        shaderc_compiler_release(d->compiler);
}

pt2_status vk_compile(struct pt2_device *device, const struct pt2_kernel *const *kernels, int count,
                      const char *cache_dir, struct pt2_program_obj **out_programs)
{
    struct vk_device *d = vk_dev(device);
    struct work w = { .device = d, .kernels = kernels, .count = count, .cache_dir = cache_dir,
                      .programs = out_programs, .lock = PTHREAD_MUTEX_INITIALIZER };
    VK_LIVE(d);
    PT2_TRY(open_pipelines(d, cache_dir));
    memset(out_programs, 0, (size_t)count * sizeof(struct pt2_program_obj *));
    compile_all(&w);
    pt2_status status = (pt2_status)atomic_load(&w.status);
    if (status == PT2_OK)
        return PT2_OK;
    for (int i = 0; i < count; i++) {
        vk_program_destroy(device, out_programs[i]);
        out_programs[i] = NULL;
    }
    pt2_error_set(w.message ? w.message : "no memory");
    free(w.message);
    return status;
}
