"""torch tensors as streams; the same bytes as the numpy array of the same content. Imports nothing: torch is loaded."""

from __future__ import annotations

import sys
from typing import Any

from autotrack.capture.arrays import array_streams, label_counts
from autotrack.capture.fingerprint import Stream

_DEVICE_BLOCK = 1 << 24  # bytes copied from a device at a time


def streams(tensor: Any) -> tuple[list[Stream], list[int], str, int | None, str]:
    """Return streams (none where the content cannot be read without disturbing it), shape, dtype, bytes and device."""
    torch: Any = sys.modules["torch"]
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():  # noqa: SLF001 - subclasses run code of their own
        plain = tensor.detach()
        shape = [int(n) for n in plain.shape]
        dtype = str(plain.dtype).removeprefix("torch.")
        device = str(plain.device.type)
        if plain.layout != torch.strided or plain.is_quantized or device == "meta":
            return [], shape, dtype, None, device
        size = int(plain.numel() * plain.element_size())
        if device == "cpu":
            return _cpu(torch, plain, dtype), shape, dtype, size, device
        if not plain.is_contiguous() or plain.is_conj() or plain.is_neg():
            return [], shape, dtype, size, device
        return _device(torch, plain, dtype), shape, dtype, size, device


def labels(tensor: Any) -> dict[str, int] | None:
    """Label counts of a 1-D tensor in main memory."""
    torch: Any = sys.modules["torch"]
    with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001
        plain = tensor.detach()
        return None if plain.is_floating_point() or plain.is_complex() else label_counts(plain.numpy())


def _cpu(torch: Any, plain: Any, dtype: str) -> list[Stream]:
    array, header = _numpy(torch, plain.resolve_conj().resolve_neg(), dtype)
    return array_streams(array, header)


def _numpy(torch: Any, plain: Any, dtype: str) -> tuple[Any, str]:
    """Return the tensor's memory as an array, and the name of its type where numpy has none (bfloat16, float8)."""
    try:
        return plain.numpy(), ""
    except TypeError:
        raw = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[plain.element_size()]
        return plain.view(raw).numpy(), f"{dtype} as "


def _device(torch: Any, plain: Any, dtype: str) -> list[Stream]:
    flat = plain.reshape(-1)
    count, step = int(flat.numel()), max(1, _DEVICE_BLOCK // plain.element_size())
    array, header = _numpy(torch, flat[:1].cpu(), dtype)
    (sample,) = array_streams(array, header)
    name = sample.header.replace("(1,)", str(tuple(plain.shape)), 1) if count else sample.header

    def read(i: int, j: int) -> Any:
        (block,) = array_streams(_numpy(torch, flat[i:j].cpu(), dtype)[0])
        return block.read(0, j - i)

    return [Stream(name, count, read, plain.element_size(), step, missing=sample.missing)]
