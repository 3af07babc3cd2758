"""Gives two engines the same weights: the base in bf16 for llama-server, and an adapter that was shipped as GGUF for vLLM.

same.py BASE.gguf ADAPTER OUT

OUT gets the base under its own name, every matrix dequantised and rounded to bf16 as model.py does for vLLM, and the
folder `adapter` with peft's safetensors.
"""
import json
import re
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from safetensors.numpy import save_file
from sattrain.widen import widen

NAMES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
TENSOR = re.compile(r"blk\.(\d+)\.([a-z_]+)\.weight\.lora_([ab])$")


def apart(values, heads):
    """llama.cpp interleaves the halves of each head of queries and keys; peft has one behind the other."""
    rows, rank = values.shape
    return values.reshape(heads, rows // heads // 2, 2, rank).swapaxes(1, 2).reshape(rows, rank)


def peft(folder, base, out):
    """Writes an adapter that is there as GGUF alone in peft's form."""
    weights, fields = {}, GGUFReader(base).fields
    arch = fields["general.architecture"].contents()
    heads = {"attn_q": int(fields[f"{arch}.attention.head_count"].contents()), "attn_k": int(fields[f"{arch}.attention.head_count_kv"].contents())}
    for tensor in GGUFReader(folder / "adapter.gguf").tensors:
        layer, name, part = TENSOR.match(tensor.name).groups()
        values = np.array(tensor.data, dtype=np.float32)
        if part == "b" and name in heads:
            values = apart(values, heads[name])
        weights[f"base_model.model.model.layers.{layer}.{NAMES[name]}.lora_{part.upper()}.weight"] = np.ascontiguousarray(values)
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "adapter_model.safetensors")
    (out / "adapter_config.json").write_text(json.dumps(json.loads((folder / "adapter_config.json").read_text()), indent=2) + "\n")


if __name__ == "__main__":
    source, adapter, out = (Path(a) for a in sys.argv[1:4])
    widen(source, out / (re.sub(r"\.[QF]\d\w*$", "", source.stem) + ".gguf"), "bf16")
    peft(adapter, source, out / "adapter")
