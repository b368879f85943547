/* SPDX-License-Identifier: MIT
 *
 * The Vulkan functions that the backend calls, without "vk", as lists: VK_GLOBAL_FUNCTIONS need no instance,
 * VK_INSTANCE_FUNCTIONS an instance, VK_DEVICE_FUNCTIONS a device. Those of VK_OPTIONAL_FUNCTIONS may be NULL; the
 * capability that allows each is in device.c.
 */
#ifndef PT2_VULKAN_FUNCTIONS_H
#define PT2_VULKAN_FUNCTIONS_H

#define VK_GLOBAL_FUNCTIONS(X) \
    X(CreateInstance)          \
    X(EnumerateInstanceVersion) \
    X(EnumerateInstanceExtensionProperties) \
    X(EnumerateInstanceLayerProperties)

#define VK_INSTANCE_FUNCTIONS(X)              \
    X(EnumeratePhysicalDevices)               \
    X(GetPhysicalDeviceProperties)            \
    X(GetPhysicalDeviceProperties2)           \
    X(GetPhysicalDeviceFeatures2)             \
    X(GetPhysicalDeviceMemoryProperties)      \
    X(GetPhysicalDeviceFormatProperties)      \
    X(GetPhysicalDeviceQueueFamilyProperties) \
    X(EnumerateDeviceExtensionProperties)     \
    X(CreateDevice)                           \
    X(GetDeviceProcAddr)

#define VK_DEVICE_FUNCTIONS(X)     \
    X(DestroyDevice)               \
    X(DeviceWaitIdle)              \
    X(GetDeviceQueue)              \
    X(QueueSubmit)                 \
    X(AllocateMemory)              \
    X(FreeMemory)                  \
    X(MapMemory)                   \
    X(CreateBuffer)                \
    X(CreateBufferView)            \
    X(DestroyBufferView)           \
    X(DestroyBuffer)               \
    X(GetBufferMemoryRequirements) \
    X(BindBufferMemory)            \
    X(CreateShaderModule)          \
    X(DestroyShaderModule)         \
    X(CreateDescriptorSetLayout)   \
    X(DestroyDescriptorSetLayout)  \
    X(CreatePipelineLayout)        \
    X(DestroyPipelineLayout)       \
    X(CreatePipelineCache)         \
    X(DestroyPipelineCache)        \
    X(GetPipelineCacheData)        \
    X(CreateComputePipelines)      \
    X(DestroyPipeline)             \
    X(CreateDescriptorPool)        \
    X(DestroyDescriptorPool)       \
    X(AllocateDescriptorSets)      \
    X(UpdateDescriptorSets)        \
    X(CreateCommandPool)           \
    X(DestroyCommandPool)          \
    X(AllocateCommandBuffers)      \
    X(BeginCommandBuffer)          \
    X(EndCommandBuffer)            \
    X(CmdBindPipeline)             \
    X(CmdBindDescriptorSets)       \
    X(CmdPushConstants)            \
    X(CmdDispatch)                 \
    X(CmdPipelineBarrier)          \
    X(CmdCopyBuffer)               \
    X(CmdResetQueryPool)           \
    X(CmdWriteTimestamp)           \
    X(CreateQueryPool)             \
    X(DestroyQueryPool)            \
    X(GetQueryPoolResults)         \
    X(CreateFence)                 \
    X(DestroyFence)                \
    X(ResetFences)                 \
    X(WaitForFences)               \
    X(CreateSemaphore)             \
    X(DestroySemaphore)

#define VK_OPTIONAL_FUNCTIONS(X) \
    X(WaitSemaphores)            \
    X(WaitSemaphoresKHR)

#endif
