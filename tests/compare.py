# SPDX-License-Identifier: MIT
"""Comparison of arrays, as the suites need it. Every function returns '' or says what is wrong."""
import numpy as np


def widened(array, dtype=None):
    """As float64 or complex128; the 16 bits of a bfloat16 in a uint16 become its value when `dtype` says so."""
    if dtype == "bfloat16" and array.dtype.itemsize == 2 and array.dtype.kind in "uV":
        bits = array.view(np.uint16) if array.dtype.kind == "V" else array
        array = (bits.astype(np.uint32) << 16).view(np.float32).reshape(array.shape)
    with np.errstate(all="ignore"): # signalling NaNs
        return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def within(got, want, rtol, atol):
    """Element by element: |got - want| <= atol + rtol |want|; NaN equals NaN, infinities are equal or not."""
    if np.iscomplexobj(got) or np.iscomplexobj(want):
        finite = np.isfinite(got) & np.isfinite(want)
        with np.errstate(all="ignore"):
            near = np.abs(got - want) <= atol + rtol * np.abs(want)
        parts = within(np.real(got), np.real(want), rtol, atol) & within(np.imag(got), np.imag(want), rtol, atol)
        return np.where(finite, near, parts | (np.isnan(got) & np.isnan(want)))
    finite = np.isfinite(got) & np.isfinite(want)
    with np.errstate(all="ignore"):
        near = finite & (np.abs(got - want) <= atol + rtol * np.abs(want))
    return near | (np.isnan(got) & np.isnan(want)) | (np.isinf(want) & (got == want))


def first_wrong(name, ok, got, want):
    where = tuple(int(i) for i in np.argwhere(~ok)[0]) if ok.ndim else ()
    count = f"{int((~ok).sum())} of {ok.size} wrong"
    return f"{name}: {count}, first at {list(where)}: {got[where]:.9g}, not {want[where]:.9g}"


def equal(name, got, want):
    ok = np.asarray(got == want)
    return "" if ok.all() else first_wrong(name, ok, np.asarray(got), np.asarray(want))


def relative(name, got, want, share):
    """Floats may differ by `share` of the largest finite magnitude of `want`; everything else must be equal."""
    if got.shape != want.shape:
        return f"{name}: shape {list(got.shape)}, not {list(want.shape)}"
    if got.dtype != want.dtype:
        return f"{name}: dtype {got.dtype}, not {want.dtype}"
    if want.dtype.kind not in "fc":
        return equal(name, got, want)
    g, w = widened(got), widened(want)
    finite = np.abs(w[np.isfinite(w)])
    ok = within(g, w, 0, share * finite.max() if finite.size else 0)
    return "" if ok.all() else first_wrong(name, ok, g, w)
