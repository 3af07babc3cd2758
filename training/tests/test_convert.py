"""The GGUF adapter holds the trained numbers where llama.cpp looks for them."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants
from safetensors.numpy import load_file

from sattrain import adapter, errors
from sattrain.convert import convert, interleaved
from sattrain.errors import Fail
from sattrain.widen import widen

from test_run import trained


def base_gguf(path, hidden=32, heads=4, kv=2, inner=64):
    """The names and shapes of the tiny base as llama.cpp has them."""
    writer = GGUFWriter(str(path), arch="llama")
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    width = hidden // heads * kv
    for layer in range(2):
        for name, shape in {"attn_q": (hidden, hidden), "attn_k": (width, hidden), "attn_v": (width, hidden), "attn_output": (hidden, hidden),
                            "ffn_gate": (inner, hidden), "ffn_up": (inner, hidden), "ffn_down": (hidden, inner)}.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.zeros(shape, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_converted_adapter(small, options, tmp_path, quiet):
    run = trained(small, tmp_path / "run", options, quiet)
    adapter.write(run, tmp_path / "adapter")
    target = convert(tmp_path / "adapter", base_gguf(tmp_path / "base.gguf"))
    held = adapter.read_manifest(tmp_path / "adapter")
    assert held["gguf"]["sha256"] == adapter.sha256(target)
    reader = GGUFReader(str(target))
    assert reader.fields["adapter.type"].contents() == "lora"
    assert reader.fields["adapter.lora.alpha"].contents() == 16
    tensors = {t.name: t.data for t in reader.tensors}
    trained_weights = load_file(tmp_path / "adapter" / adapter.WEIGHTS)
    assert len(tensors) == len(trained_weights) == 2 * 7 * 2
    prefix = "base_model.model.model.layers.1."
    down = trained_weights[prefix + "mlp.down_proj.lora_B.weight"]
    assert np.allclose(tensors["blk.1.ffn_down.weight.lora_b"], down, atol=1e-3)
    query = trained_weights[prefix + "self_attn.q_proj.lora_B.weight"]
    assert np.allclose(tensors["blk.1.attn_q.weight.lora_b"], interleaved(query, 4), atol=1e-3)


@pytest.mark.parametrize("kind, tolerance", [("f32", 0), ("bf16", 2**-8)])
def test_a_widened_base_has_the_same_values_and_metadata(tmp_path, kind, tolerance):
    source = tmp_path / "base.Q8_0.gguf"
    writer = GGUFWriter(str(source), arch="llama")
    writer.add_head_count(4)
    writer.add_token_list(["a", "b"])
    matrix = np.random.default_rng(1).normal(size=(8, 32)).astype(np.float32)
    writer.add_tensor("blk.0.attn_q.weight", quants.quantize(matrix, GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.attn_norm.weight", np.ones(32, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    widen(source, tmp_path / "wide" / "base.gguf", kind)
    before, after = GGUFReader(source), GGUFReader(tmp_path / "wide" / "base.gguf")
    assert {t.name: t.tensor_type.name for t in after.tensors} == {"blk.0.attn_q.weight": kind.upper(), "blk.0.attn_norm.weight": "F32"}
    one, two = (quants.dequantize(r.tensors[0].data, r.tensors[0].tensor_type) for r in (before, after))
    assert np.allclose(one, two, rtol=tolerance, atol=0) and np.abs(one - matrix).max() > 0
    for key in ("general.architecture", "llama.attention.head_count", "tokenizer.ggml.tokens"):
        assert before.fields[key].contents() == after.fields[key].contents()


def test_rows_of_a_head_are_interleaved():
    rows = np.arange(8)[:, None]
    assert interleaved(rows, heads=1)[:, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert interleaved(rows, heads=2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_an_adapter_of_another_base_is_refused(small, options, tmp_path, quiet):
    run = trained(small, tmp_path / "run", options, quiet)
    adapter.write(run, tmp_path / "adapter")
    with pytest.raises(Fail) as caught:
        convert(tmp_path / "adapter", base_gguf(tmp_path / "base.gguf", hidden=48))
    assert caught.value.code == errors.CONFLICT
    assert not (tmp_path / "adapter" / adapter.GGUF).exists()
