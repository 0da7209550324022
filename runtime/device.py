"""Which NVIDIA GPUs this machine has, asked of the driver alone: no CUDA toolkit is needed for that."""

from __future__ import annotations

import ctypes
from functools import cache

from scancc.errors import DeviceError
from scancc.late_dataclasses import dataclass

_COMPUTE_CAPABILITY_MAJOR, _COMPUTE_CAPABILITY_MINOR = 75, 76


@dataclass(frozen=True)
class Device:
    """A GPU; `target` is the name that `--target` takes, such as `sm_90`."""

    index: int
    name: str
    target: str
    memory_nbytes: int


@cache
def devices() -> tuple[Device, ...]:
    """The GPUs of this machine, none where there is no driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    return tuple(_device(driver, index) for index in range(count.value))


def require_gpu(index: int = 0) -> Device:
    """GPU number `index`; DeviceError where there is none."""
    if not 0 <= index < len(devices()):
        n_found = len(devices())
        found = f"{n_found} GPU{'s' * (n_found > 1)}" if n_found else "no NVIDIA GPU with a driver"
        raise DeviceError(
            f"GPU {index} was asked for, but this machine has {found}; compile for a CPU "
            f"(target='native'), or write the GPU code out with --emit ptx"
        )
    return devices()[index]


def _device(driver: ctypes.CDLL, index: int) -> Device:
    handle = ctypes.c_int()
    driver.cuDeviceGet(ctypes.byref(handle), index)
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGetName(name, len(name), handle)
    nbytes = ctypes.c_size_t()
    driver.cuDeviceTotalMem_v2(ctypes.byref(nbytes), handle)
    major, minor = (
        _attribute(driver, handle, a) for a in (_COMPUTE_CAPABILITY_MAJOR, _COMPUTE_CAPABILITY_MINOR)
    )
    return Device(index, name.value.decode(), f"sm_{major}{minor}", nbytes.value)


def _attribute(driver: ctypes.CDLL, handle: ctypes.c_int, attribute: int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, handle)
    return value.value
