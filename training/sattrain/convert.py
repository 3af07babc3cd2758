"""Turns an adapter into a GGUF file that llama-server loads with --lora."""

import os
import re
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter
from safetensors.numpy import load_file

from . import adapter, errors, provenance
from .errors import Fail

NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
TENSOR = re.compile(r"model\.layers\.(\d+)\.([a-z_]+\.[a-z_]+)\.lora_([AB])\.weight$")


def convert(folder: Path, base_gguf: Path) -> Path:
    """Writes adapter.gguf into the adapter's folder and enters it in the manifest."""
    held = adapter.read_manifest(folder)
    if not base_gguf.is_file():
        raise Fail(errors.NO_FILE, f"there is no base model {base_gguf}; give the GGUF that will be served with --base-gguf")
    base = GGUFReader(str(base_gguf))
    shapes = {t.name: tuple(int(n) for n in t.shape) for t in base.tensors}
    heads = _number(base, "attention.head_count"), _number(base, "attention.head_count_kv")
    target = folder / adapter.GGUF
    draft = target.with_suffix(".draft")
    writer = GGUFWriter(str(draft), arch=_text(base, "general.architecture"))
    writer.add_type("adapter")
    writer.add_name(adapter.named(held))
    writer.add_license(held["licence"]["label"])
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(held["adapter"]["alpha"]))
    for name, values in sorted(load_file(folder / adapter.WEIGHTS).items()):
        renamed, values = tensor(name, values, heads)
        _fits(renamed, values, shapes, base_gguf)
        writer.add_tensor(renamed, values.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(draft, target)
    held["gguf"] = {"file": target.name, "sha256": adapter.sha256(target), "bytes": target.stat().st_size, "dtype": "float16",
                    "converter": f"gguf {provenance.versions().get('gguf', '')}", "base_gguf_sha256": adapter.sha256(base_gguf)}
    adapter.save_manifest(folder, held)
    return target


def tensor(name: str, values: np.ndarray, heads: tuple[int, int]) -> tuple[str, np.ndarray]:
    """The name and order of a weight in llama.cpp: it interleaves the halves of each head of queries and keys."""
    found = TENSOR.search(name)
    if not found or found[2] not in NAMES:
        raise Fail(errors.DATA, f"the adapter holds {name}, which llama-server cannot serve")
    if found[3] == "B" and found[2] in ("self_attn.q_proj", "self_attn.k_proj"):
        values = interleaved(values, heads[0] if found[2] == "self_attn.q_proj" else heads[1])
    return f"blk.{found[1]}.{NAMES[found[2]]}.weight.lora_{found[3].lower()}", values


def interleaved(values: np.ndarray, heads: int) -> np.ndarray:
    rows, rank = values.shape
    return np.ascontiguousarray(values.reshape(heads, 2, rows // heads // 2, rank).swapaxes(1, 2).reshape(rows, rank))


def _fits(name: str, values: np.ndarray, shapes: dict, base_gguf: Path) -> None:
    """A tensor that the base does not have would be left out without a word."""
    weight, part = name.rsplit(".", 1)
    at = shapes.get(weight)
    if at is None or values.shape[1 if part == "lora_a" else 0] != at[0 if part == "lora_a" else 1]:
        raise Fail(errors.CONFLICT, f"{weight} of the adapter does not fit the base {base_gguf.name}; convert against the base that it was trained on")


def _number(reader: GGUFReader, key: str) -> int:
    return int(reader.fields[f"{_text(reader, 'general.architecture')}.{key}"].contents())


def _text(reader: GGUFReader, key: str) -> str:
    return str(reader.fields[key].contents())
