"""Model directories: whole weights with tokenizer and a manifest, for engines that need no LoRA."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from . import checkpoint, fingerprints, provenance

SCHEMA = "sat-full/v1"
MANIFEST = "manifest.json"
PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32}


def write(out: Path, model: torch.nn.Module, tokenizer, prints: bytes | None, held: dict) -> dict:
    """Writes a model directory completely or not at all, and gives its manifest, which begins with `held`."""
    draft = out.with_name("." + out.name)
    shutil.rmtree(draft, ignore_errors=True)
    model.config.use_cache = True
    model.save_pretrained(draft, safe_serialization=True)
    tokenizer.save_pretrained(draft)
    if prints is not None:
        (draft / fingerprints.FILE).write_bytes(prints)
    files = {p.name: {"sha256": provenance.sha256(p), "bytes": p.stat().st_size} for p in sorted(draft.iterdir())}
    manifest = held | {"files": files}
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)
    return manifest


def trained(run, out: Path) -> dict:
    """The model of a run that trained all weights: those of the chosen checkpoint."""
    precision = run.config.precision
    held = load_file(provenance.checkpoint_of(run) / "weights.safetensors")
    checkpoint.put(held, run.loaded.trainable())
    model = run.loaded.model.to(PRECISIONS[precision])
    prints = fingerprints.of(run.train, provenance.units_read(run))
    return write(out, model, run.loaded.tokenizer, prints, {"schema": SCHEMA, "name": "sat-full", "precision": precision} | provenance.origin(run))
