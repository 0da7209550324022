"""Asking for a GPU gives one, or one clear sentence."""

import pytest

from scancc.errors import DeviceError
from scancc.runtime import device


def test_without_a_driver(monkeypatch):
    monkeypatch.setattr(device, "devices", lambda: ())
    with pytest.raises(DeviceError) as caught:
        device.require_gpu()
    assert str(caught.value) == (
        "GPU 0 was asked for, but this machine has no NVIDIA GPU with a driver; compile for a CPU "
        "(target='native'), or write the GPU code out with --emit ptx"
    )


def test_more_than_there_are(monkeypatch):
    one = device.Device(0, "a GPU", "sm_90", 1 << 30)
    monkeypatch.setattr(device, "devices", lambda: (one,))
    assert device.require_gpu() is one
    with pytest.raises(DeviceError, match="GPU 3 was asked for, but this machine has 1 GPU;"):
        device.require_gpu(3)


def test_what_the_driver_says():
    for index, gpu in enumerate(device.devices()):
        assert gpu.index == index and gpu.name and gpu.target.startswith("sm_") and gpu.memory_nbytes > 0
