/* SPDX-License-Identifier: MIT
 *
 * Files of other kinds, by their content: what they are and what to do. Names of files do not count, they are often
 * wrong. The first row that fits counts, so special rows come before general ones. */
#include "archive/load.h"

#include <ctype.h>

#define EXPORT "export the PyTorch module with torch.export.export and save that with torch.export.save"
#define TENSORS "load them into their module in Python, " EXPORT
#define AGAIN "get the file again"
#define UNPACK "unpack it first"

/* ---- ZIP files ---- */

static bool starts_with(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

/* Whether a record's name, or its path after some folder, begins with `part`. */
static bool has_part(const struct pt2_zip *zip, const char *part)
{
    for (uint32_t i = 0; i < zip->num_records; i++)
        for (const char *at = zip->records[i].name; at; at = strchr(at, '/'), at = at ? at + 1 : NULL)
            if (starts_with(at, part))
                return true;
    return false;
}

static const struct {
    const char *part; /* of a record's path */
    pt2_status status;
    const char *what, *remedy;
} zips[] = {
    {"data/aotinductor/", PT2_ERR_UNSUPPORTED, "an AOTInductor package: machine code for another runtime, no program",
     EXPORT " (not with aoti_compile_and_package)"},
    {"data/executorch/", PT2_ERR_UNSUPPORTED, "an archive of ExecuTorch programs",
     EXPORT ", before to_edge or to_executorch"},
    {"program.ptg", PT2_ERR_FORMAT, "an ExecuTorch Native package (.ptn)", EXPORT ", before to_native"},
    {"bytecode.pkl", PT2_ERR_FORMAT, "a TorchScript file for mobile devices (.ptl)", EXPORT},
    {"constants.pkl", PT2_ERR_FORMAT, "a TorchScript file (torch.jit.save)", EXPORT},
    {"code/__torch__", PT2_ERR_FORMAT, "a TorchScript file (torch.jit.save)", EXPORT},
    {".data/extern_modules", PT2_ERR_FORMAT, "a torch.package file: Python modules", "load it in Python, " EXPORT},
    {"data.pkl", PT2_ERR_FORMAT, "a torch.save file: a state dict or other objects, no program", TENSORS},
    {"MAR-INF/", PT2_ERR_FORMAT, "a TorchServe archive (.mar)", UNPACK},
    {"com.apple.CoreML/", PT2_ERR_FORMAT, "a Core ML package", EXPORT},
    {"model.weights.h5", PT2_ERR_FORMAT, "a Keras model", "Keras models cannot be exported by PyTorch"},
    {"saved_model.pb", PT2_ERR_FORMAT, "a TensorFlow model", "TensorFlow models cannot be exported by PyTorch"},
};

static bool is_npz(const struct pt2_zip *zip)
{
    for (uint32_t i = 0; i < zip->num_records; i++) {
        size_t len = strlen(zip->records[i].name);
        if (len < 4 || strcmp(zip->records[i].name + len - 4, ".npy") != 0)
            return false;
    }
    return zip->num_records > 0;
}

pt2_status pt2_foreign_zip(const struct pt2_zip *zip)
{
    for (size_t i = 0; i < sizeof zips / sizeof *zips; i++)
        if (has_part(zip, zips[i].part))
            return pt2_fail(zips[i].status, "this is %s; %s", zips[i].what, zips[i].remedy);
    if (is_npz(zip))
        return pt2_fail(PT2_ERR_FORMAT, "this is a NumPy file: arrays without a program; a model is what "
                                        "torch.export.save writes");
    return pt2_fail(PT2_ERR_FORMAT, "this ZIP is not an archive of torch.export.save");
}

/* ---- other files ---- */

struct bytes {
    const uint8_t *data;
    size_t size;
};

/* The length of the JSON header, in 8 bytes, then the header. */
static bool is_safetensors(struct bytes b)
{
    uint64_t n = 0;
    for (size_t k = 0; k < 8 && b.size > 8; k++)
        n |= (uint64_t)b.data[k] << 8 * k;
    return n >= 2 && n <= b.size - 8 && b.data[8] == '{';
}

/* A protocol buffer whose first field is a small number: the version. The second is ONNX's producer or graph, or the
 * description of a Core ML model, which is a message itself. */
static bool is_versioned(struct bytes b)
{
    return b.size >= 8 && b.data[0] == 0x08 && b.data[1] > 0 && b.data[1] < 64;
}

static bool is_core_ml(struct bytes b)
{
    return is_versioned(b) && b.data[2] == 0x12 && b.data[4] < 0x20;
}

static bool is_onnx(struct bytes b)
{
    return is_versioned(b) && b.data[2] != 0 && strchr("\x12\x1a\x22\x28\x32\x3a\x42\x72", b.data[2]);
}

static bool is_pickle(struct bytes b)
{
    return b.size >= 3 && b.data[0] == 0x80 && b.data[1] >= 2 && b.data[1] <= 5;
}

static bool is_pte(struct bytes b)
{
    return b.size >= 8 && !memcmp(b.data + 4, "ET", 2) && isdigit(b.data[6]) && isdigit(b.data[7]);
}

static bool begins_with_text(struct bytes b, const char *text)
{
    size_t at = 0, n = strlen(text);
    while (at < b.size && isspace(b.data[at]))
        at++;
    for (size_t k = 0; k < n; k++)
        if (at + k >= b.size || tolower(b.data[at + k]) != text[k])
            return false;
    return true;
}

static bool is_html(struct bytes b)
{
    return begins_with_text(b, "<!doctype html") || begins_with_text(b, "<html");
}

static bool is_xml(struct bytes b)
{
    return begins_with_text(b, "<?xml");
}

/* Downloads that stopped early often are. */
static bool is_zeros(struct bytes b)
{
    for (size_t k = 0; k < b.size && k < 4096; k++)
        if (b.data[k])
            return false;
    return b.size > 0;
}

static bool is_empty(struct bytes b)
{
    return b.size == 0;
}

static const struct {
    size_t at, len; /* of the magic number */
    const char *magic;
    bool (*fits)(struct bytes b); /* instead of a magic number */
    const char *what, *remedy;
} files[] = {
    {0, 0, NULL, is_empty, "an empty file", AGAIN},
    {0, 0, NULL, is_zeros, "a file of zeros, perhaps of a download that stopped", AGAIN},
    {0, 35, "version https://git-lfs.github.com/", NULL, "a Git LFS pointer in place of the file", "run git lfs pull"},
    {0, 12, "/annex/objec", NULL, "a git-annex pointer in place of the file", "run git annex get"},
    {0, 0, NULL, is_html, "a web page, perhaps in place of a download", AGAIN},
    {0, 0, NULL, is_pte, "an ExecuTorch program (.pte)", EXPORT ", before to_edge or to_executorch"},
    {4, 4, "FT01", NULL, "an ExecuTorch data file (.ptd): tensors without a program", TENSORS},
    {4, 4, "NPTG", NULL, "the program of an ExecuTorch Native package", EXPORT ", before to_native"},
    {4, 4, "TFL3", NULL, "a TensorFlow Lite model", EXPORT},
    {0, 4, "GGUF", NULL, "a GGUF file: the tensors of a language model, no program", TENSORS},
    {0, 4, "lmgg", NULL, "a GGML file: tensors without a program", TENSORS},
    {0, 0, NULL, is_safetensors, "a safetensors file: tensors without a program", TENSORS},
    {0, 14, "\x80\x02\x8a\x0al\xfc\x9c" "F\xf9 j\xa8P\x19", NULL,
     "a torch.save file of the old format: a state dict or other objects, no program", TENSORS},
    {0, 0, NULL, is_pickle, "a Python pickle", "load it in Python, " EXPORT},
    {0, 8, "\x89HDF\r\n\x1a\n", NULL, "an HDF5 file, perhaps a Keras model", EXPORT},
    {0, 6, "\x93NUMPY", NULL, "a NumPy array", "a model is what torch.export.save writes"},
    {0, 4, "\x7f" "ELF", NULL, "a shared library, perhaps of AOTInductor: machine code, no program", EXPORT},
    {0, 2, "\x1f\x8b", NULL, "a gzip file", UNPACK},
    {0, 6, "\xfd" "7zXZ\0", NULL, "an xz file", UNPACK},
    {0, 4, "\x28\xb5\x2f\xfd", NULL, "a Zstandard file", UNPACK},
    {0, 3, "BZh", NULL, "a bzip2 file", UNPACK},
    {0, 6, "7z\xbc\xaf\x27\x1c", NULL, "a 7-Zip file", UNPACK},
    {257, 5, "ustar", NULL, "a tar file", UNPACK},
    {0, 0, NULL, is_xml, "an XML file, perhaps of OpenVINO", EXPORT},
    {0, 0, NULL, is_core_ml, "a Core ML model", EXPORT},
    {0, 0, NULL, is_onnx, "an ONNX model", EXPORT},
};

pt2_status pt2_foreign_file(const uint8_t *data, size_t size)
{
    struct bytes b = {data, size};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bool fits = files[i].fits ? files[i].fits(b)
                                  : size >= files[i].at + files[i].len &&
                                        !memcmp(data + files[i].at, files[i].magic, files[i].len);
        if (fits)
            return pt2_fail(PT2_ERR_FORMAT, "this is %s, not an archive of torch.export.save; %s", files[i].what,
                            files[i].remedy);
    }
    return pt2_fail(PT2_ERR_FORMAT, "this is not a ZIP file, hence not an archive of torch.export.save");
}
