/* SPDX-License-Identifier: MIT
 * Validation layers with synchronisation validation. Messages go to standard error as they come, and are counted,
 * so that a test can demand that there were none. Also the names of results. */
#include "vk.h"

#include <stdio.h>
#include <stdlib.h>

#define LAYER "VK_LAYER_KHRONOS_validation"

static atomic_int messages;

int pt2_vulkan_validation_messages(void)
{
    return atomic_load(&messages);
}

bool vk_debug_wanted(void)
{
    const char *env = getenv("PT2_VALIDATE");
    return env && *env && strcmp(env, "0") != 0;
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT type,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    (void)severity, (void)type, (void)user;
    fprintf(stderr, "pt2gpu: validation: %s\n", data->pMessage);
    atomic_fetch_add(&messages, 1);
    return VK_FALSE;
}

static const VkDebugUtilsMessengerCreateInfoEXT messenger = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
    /* General messages are the loader's complaints about drivers of other devices. */
    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
    .pfnUserCallback = on_message,
};

static bool has_layer(const struct vk_loader *L)
{
    uint32_t count = 0;
    bool found = false;
    L->EnumerateInstanceLayerProperties(&count, NULL);
    VkLayerProperties *layers = calloc(count + 1, sizeof *layers);
    if (layers && L->EnumerateInstanceLayerProperties(&count, layers) == VK_SUCCESS)
        for (uint32_t i = 0; i < count; i++)
            found |= !strcmp(layers[i].layerName, LAYER);
    free(layers);
    return found;
}

bool vk_debug_setup(const struct vk_loader *L, VkInstanceCreateInfo *info)
{
    static const VkValidationFeatureEnableEXT enables[] = {
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
    };
    static const VkValidationFeaturesEXT features = { .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                                      .enabledValidationFeatureCount = 1,
                                                      .pEnabledValidationFeatures = enables };
    static const char *const layers[] = { LAYER };
    if (!has_layer(L)) {
        fputs("pt2gpu: validation: " LAYER " is not installed\n", stderr);
        return false;
    }
    info->pNext = &features;
    info->enabledLayerCount = 1;
    info->ppEnabledLayerNames = layers;
    return true;
}

void vk_debug_attach(VkInstance instance, PFN_vkGetInstanceProcAddr get)
{
    VkDebugUtilsMessengerEXT handle;
    PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT)get(instance, "vkCreateDebugUtilsMessengerEXT");
    if (create)
        create(instance, &messenger, NULL, &handle);
}

const char *vk_result_name(VkResult r)
{
    switch (r) {
#define X(name) case VK_##name: return "VK_" #name;
    X(SUCCESS) X(NOT_READY) X(TIMEOUT) X(INCOMPLETE) X(ERROR_OUT_OF_HOST_MEMORY) X(ERROR_OUT_OF_DEVICE_MEMORY)
    X(ERROR_INITIALIZATION_FAILED) X(ERROR_DEVICE_LOST) X(ERROR_MEMORY_MAP_FAILED) X(ERROR_LAYER_NOT_PRESENT)
    X(ERROR_EXTENSION_NOT_PRESENT) X(ERROR_FEATURE_NOT_PRESENT) X(ERROR_INCOMPATIBLE_DRIVER) X(ERROR_TOO_MANY_OBJECTS)
    X(ERROR_FRAGMENTED_POOL) X(ERROR_OUT_OF_POOL_MEMORY) X(ERROR_INVALID_SHADER_NV) X(ERROR_FRAGMENTATION)
#undef X
    default: return "an unknown VkResult";
    }
}
