/* SPDX-License-Identifier: MIT
 * Buffers. On a CPU device whose driver works in place, a buffer is host memory that OpenCL was told to use, and
 * reading and writing it is a memcpy; anywhere else the runtime copies. */
#include "opencl.h"

#include <stdlib.h>
#include <string.h>

static pt2_status create(struct ocl_device *dev, struct pt2_buf *buf, bool in_place)
{
    cl_mem_flags flags = CL_MEM_READ_WRITE;
    cl_int error = CL_SUCCESS;
    if (in_place) {
        size_t size = ((size_t)buf->size + OCL_PAGE - 1) / OCL_PAGE * OCL_PAGE;
        if (posix_memalign(&buf->host, OCL_PAGE, size)) {
            buf->host = NULL;
            return pt2_fail(PT2_ERR_NOMEM, "OpenCL, %s: no memory for a buffer of %llu bytes", dev->base.desc.name,
                            (unsigned long long)buf->size);
        }
        flags |= CL_MEM_USE_HOST_PTR;
    }
    buf->mem = ocl.clCreateBuffer(dev->context, flags, (size_t)buf->size, buf->host, &error);
    if (buf->mem)
        return PT2_OK;
    return pt2_note(ocl_fail(dev, error, "clCreateBuffer"), "buffer of %llu bytes", (unsigned long long)buf->size);
}

static void destroy(struct pt2_buf *buf)
{
    if (buf->mem)
        ocl.clReleaseMemObject(buf->mem);
    if (!buf->wrapped)
        free(buf->host);
}

pt2_status ocl_buf_create(struct pt2_device *device, uint64_t size, struct pt2_buf **out_buf)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    PT2_TRY(ocl_alive(dev));
    struct pt2_buf *buf = calloc(1, sizeof *buf);
    if (!buf)
        return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for a buffer");
    buf->size = size;
    pt2_status status = create(dev, buf, device->desc.caps.unified);
    if (status != PT2_OK) {
        ocl_buf_destroy(device, buf);
        return status;
    }
    *out_buf = buf;
    return PT2_OK;
}

void ocl_buf_destroy(struct pt2_device *device, struct pt2_buf *buf)
{
    (void)device;
    if (!buf)
        return;
    destroy(buf);
    free(buf);
}

pt2_status ocl_buf_write(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, const void *src,
                         uint64_t size)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    cl_command_queue queue;
    PT2_TRY(ocl_alive(dev));
    PT2_TRY(pt2_buf_range(buf->size, offset, size));
    if (buf->host) {
        memcpy((char *)buf->host + offset, src, (size_t)size);
        return PT2_OK;
    }
    PT2_TRY(ocl_copy_queue(dev, &queue));
    OCL_TRY(dev, clEnqueueWriteBuffer, (queue, buf->mem, CL_TRUE, (size_t)offset, (size_t)size, src, 0, NULL, NULL));
    return PT2_OK;
}

pt2_status ocl_buf_read(struct pt2_device *device, struct pt2_buf *buf, uint64_t offset, void *dst, uint64_t size)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    cl_command_queue queue;
    PT2_TRY(ocl_alive(dev));
    PT2_TRY(pt2_buf_range(buf->size, offset, size));
    if (buf->host) {
        memcpy(dst, (const char *)buf->host + offset, (size_t)size);
        return PT2_OK;
    }
    PT2_TRY(ocl_copy_queue(dev, &queue));
    OCL_TRY(dev, clEnqueueReadBuffer, (queue, buf->mem, CL_TRUE, (size_t)offset, (size_t)size, dst, 0, NULL, NULL));
    return PT2_OK;
}

void *ocl_buf_map(struct pt2_device *device, struct pt2_buf *buf)
{
    (void)device;
    return buf->host;
}

/* The driver is told that kernels only read, and does not write either. */
pt2_status ocl_buf_wrap(struct pt2_device *device, const void *data, uint64_t size, struct pt2_buf **out_buf)
{
    struct ocl_device *dev = (struct ocl_device *)device;
    cl_int error = CL_SUCCESS;
    *out_buf = NULL;
    PT2_TRY(ocl_alive(dev));
    if (!device->desc.caps.unified || !dev->wrap_align || (uintptr_t)data % dev->wrap_align)
        return PT2_OK;
    struct pt2_buf *buf = calloc(1, sizeof *buf);
    if (!buf)
        return pt2_fail(PT2_ERR_NOMEM, "OpenCL: no memory for a buffer");
    buf->size = size;
    buf->wrapped = true;
    buf->host = (void *)(uintptr_t)data;
    cl_mem_flags flags = CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR;
    buf->mem = ocl.clCreateBuffer(dev->context, flags, (size_t)size, buf->host, &error);
    if (buf->mem)
        *out_buf = buf;
    else
        free(buf);
    return PT2_OK;
}

/* OpenCL lets a driver keep a copy of "host memory in use" until it is mapped; the specification has no question
 * that tells. */
bool ocl_works_in_place(struct ocl_device *dev)
{
    const uint32_t pattern = 0x70743267;
    struct pt2_buf buf = { .size = OCL_PAGE };
    cl_command_queue queue;
    bool works = false;
    if (create(dev, &buf, true) == PT2_OK && ocl_copy_queue(dev, &queue) == PT2_OK) {
        uint32_t *words = buf.host;
        memset(words, 0, OCL_PAGE);
        works = !ocl.clEnqueueFillBuffer(queue, buf.mem, &pattern, sizeof pattern, 0, OCL_PAGE, 0, NULL, NULL) &&
                !ocl.clFinish(queue) && words[0] == pattern && words[OCL_PAGE / sizeof *words - 1] == pattern;
    }
    destroy(&buf);
    return works;
}
