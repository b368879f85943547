/* SPDX-License-Identifier: MIT
 * Finds Vulkan at run time, so that a binary starts on machines without it. The instance is made once and kept:
 * drivers are loaded by it, and unloading them while other threads run has never been safe. */
#include "vk.h"

#include <dlfcn.h>
#include <stdlib.h>

static struct vk_loader loader;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* dlsym gives a data pointer; POSIX promises that the bits are those of the function. */
static PFN_vkGetInstanceProcAddr find_entry(void)
{
    static const char *const names[] = { "libvulkan.so.1", "libvulkan.so", "libvulkan.1.dylib", "libMoltenVK.dylib" };
    PFN_vkGetInstanceProcAddr get = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !get; i++) {
        void *lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        void *sym = lib ? dlsym(lib, "vkGetInstanceProcAddr") : NULL;
        memcpy(&get, &sym, sizeof get);
    }
    return get;
}

static bool has_extension(const struct vk_loader *L, const char *name)
{
    uint32_t count = 0;
    bool found = false;
    L->EnumerateInstanceExtensionProperties(NULL, &count, NULL);
    VkExtensionProperties *list = calloc(count + 1, sizeof *list);
    if (list && L->EnumerateInstanceExtensionProperties(NULL, &count, list) == VK_SUCCESS)
        for (uint32_t i = 0; i < count; i++)
            found |= !strcmp(list[i].extensionName, name);
    free(list);
    return found;
}

/* Drivers that lack some of Vulkan, being made on another interface (MoltenVK, Dozen), are listed on demand. */
static VkInstance create_instance(struct vk_loader *L)
{
    const char *extensions[2];
    VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                              .pApplicationName = "pt2gpu",
                              .pEngineName = "pt2gpu",
                              .apiVersion = L->version };
    VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &app,
                                  .ppEnabledExtensionNames = extensions };
    VkInstance instance = VK_NULL_HANDLE;
    L->validation = vk_debug_wanted() && vk_debug_setup(L, &info);
    if (L->validation)
        extensions[info.enabledExtensionCount++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    if (has_extension(L, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
        extensions[info.enabledExtensionCount++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
    }
    return L->CreateInstance(&info, NULL, &instance) == VK_SUCCESS ? instance : VK_NULL_HANDLE;
}

static void load_once(void)
{
    struct vk_loader L = { 0 };
    PFN_vkGetInstanceProcAddr get = find_entry();
    if (!get)
        return;
#define X(name) L.name = (PFN_vk##name)get(VK_NULL_HANDLE, "vk" #name);
    VK_GLOBAL_FUNCTIONS(X)
#undef X
    /* A loader without EnumerateInstanceVersion is of Vulkan 1.0, which has too little. */
    if (!L.EnumerateInstanceVersion || L.EnumerateInstanceVersion(&L.version) != VK_SUCCESS ||
        L.version < VK_API_VERSION_1_1)
        return;
    if (L.version > VK_API_VERSION_1_3)
        L.version = VK_API_VERSION_1_3;
    VkInstance instance = create_instance(&L);
    if (!instance)
        return;
#define X(name) L.name = (PFN_vk##name)get(instance, "vk" #name);
    VK_INSTANCE_FUNCTIONS(X)
#undef X
    if (L.validation)
        vk_debug_attach(instance, get);
    L.GetInstanceProcAddr = get;
    L.instance = instance;
    loader = L;
}

const struct vk_loader *vk_load(void)
{
    pthread_once(&once, load_once);
    return loader.instance ? &loader : NULL;
}
