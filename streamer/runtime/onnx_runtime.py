"""ONNX Runtime without its telemetry. No other module imports `onnxruntime`.

From version 1.32 on it looks up names, keeps a device id and a data base in the user's cache and a file in the
temporary folder, unless this variable is set before the first import in a process.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

__all__ = ["QuantType", "onnxruntime", "quantize_dynamic"]
