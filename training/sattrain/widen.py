"""Rewrites a quantised GGUF with wide weights of the same values: for comparing engines, where 4 bits would blur everything."""

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, quants

KINDS = {"f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32), "bf16": (GGMLQuantizationType.BF16, LlamaFileType.MOSTLY_BF16)}
REPLACED = ("general.architecture", "general.file_type", "general.quantization_version")


def widen(source: Path, target: Path, kind: str) -> None:
    """Writes every matrix of `source` in that kind, and the rest in single precision."""
    matrices, file_type = KINDS[kind]
    reader = GGUFReader(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(target, arch=reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in REPLACED:
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(file_type)
    for tensor in reader.tensors:
        values = quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        own = matrices if len(tensor.shape) == 2 else GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, quants.quantize(values, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
