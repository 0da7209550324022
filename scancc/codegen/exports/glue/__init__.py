"""Files that put an exported function into a benchmark, with its share of the roofline beside the time."""

from .c_harness import cmake_text, google_text, main_text
from .python_harness import pyperf_text, pytest_text

__all__ = ["cmake_text", "google_text", "main_text", "pyperf_text", "pytest_text"]
