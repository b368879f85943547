/* SPDX-License-Identifier: MIT
 * The backend's table. */
#include "vk.h"

extern const struct pt2_backend pt2_vulkan;

const struct pt2_backend pt2_vulkan = {
    .name = "vulkan",
    .abi = PT2_BACKEND_ABI,
    .enumerate = vk_enumerate,
    .open = vk_open,
    .close = vk_close,
    .buf_create = vk_buf_create,
    .buf_destroy = vk_buf_destroy,
    .buf_write = vk_buf_write,
    .buf_read = vk_buf_read,
    .buf_map = vk_buf_map,
    .compile = vk_compile,
    .program_destroy = vk_program_destroy,
    .exec_create = vk_exec_create,
    .exec_destroy = vk_exec_destroy,
    .submit = vk_submit,
    .wait = vk_wait,
    .timings = vk_timings,
};
