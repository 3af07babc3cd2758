"""Adds an adapter to its base for good: weights that any engine serves without LoRA."""

from dataclasses import replace
from pathlib import Path

from . import adapter, errors, model, whole
from .config import Config
from .errors import Fail

SCHEMA = "sat-merged/v1"


def merge(folder: Path, base: str, out: Path, precision: str, allow_download: bool) -> dict:
    """Writes a model directory with a manifest that says what is in it, and under which licence; gives the manifest."""
    held = adapter.read_manifest(folder)
    if out.exists():
        raise Fail(errors.CONFIG, f"{out} is there already; choose another --out")
    config = _config(held, base, allow_download)
    if (found := model.base_sha256(config)) != held["base"]["sha256"]:
        raise Fail(errors.CONFLICT, f"{base or config.base.id} is not the base that {adapter.named(held)} was trained on "
                   f"({found[:12]} instead of {held['base']['sha256'][:12]}); give that one with --base")
    loaded = model.load(config)
    adapter.put(loaded, folder)
    merged = loaded.model.merge_and_unload().to(whole.PRECISIONS[precision])
    prints = (folder / adapter.FINGERPRINTS).read_bytes() if (folder / adapter.FINGERPRINTS).is_file() else None
    return whole.write(out, merged, loaded.tokenizer, prints, {
        "schema": SCHEMA, "adapter": adapter.named(held), "adapter_sha256": held["adapter"]["files"][adapter.WEIGHTS]["sha256"],
        "base": held["base"], "precision": precision, "prompt": held["prompt"], "data": held["data"], "licence": held["licence"]})


def _config(held: dict, base: str, allow_download: bool) -> Config:
    """The base as it was trained upon, in single precision, with adapters of the right shape."""
    lora = held["adapter"]
    config = Config(name="merge", precision="fp32", method="letter", loss="completion", allow_download=allow_download)
    config.base = replace(config.base, id=held["base"]["id"], revision=held["base"]["revision"], path=base)
    config.lora = replace(config.lora, r=lora["r"], alpha=lora["alpha"], targets=list(lora["targets"]))
    return config
