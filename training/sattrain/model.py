"""Loads a base model with its tokenizer and puts adapters on it."""

import contextlib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers.utils import cached_file

from . import errors, hub
from .config import Config
from .errors import Fail
from .tree import ATTENTION

COMMIT = re.compile("[0-9a-f]{40}")
SNAPSHOT = re.compile(rf"/snapshots/({COMMIT.pattern})/")  # of the hub's cache


@dataclass
class Loaded:
    """A model ready for training."""

    model: torch.nn.Module
    tokenizer: transformers.PreTrainedTokenizerBase
    precision: str  # of the base as trained upon, for the manifest
    sha256: str  # of the base's configuration and weights
    revision: str  # the base's commit on the hub, "" where it is not known
    device: torch.device

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    @property
    def backbone(self) -> torch.nn.Module:
        """The layers without the head."""
        return self.causal.model

    @property
    def causal(self) -> torch.nn.Module:
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def arithmetic(self, config: Config) -> contextlib.AbstractContextManager:
        if config.precision == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return contextlib.nullcontext()


def load_tokenizer(config: Config) -> transformers.PreTrainedTokenizerBase:
    """The base's own tokenizer with its chat template."""
    tokenizer = hub.found(config.base, config.allow_download, lambda: transformers.AutoTokenizer.from_pretrained(**source(config)))
    if not tokenizer.chat_template:
        raise Fail(errors.CONFIG, f"the base {config.base.path or config.base.id} has no chat template; take an instruct model")
    return tokenizer


def load(config: Config) -> Loaded:
    """Loads the base and puts fresh adapters on it, drawn from the seed."""
    where = device(config)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(_subseed(config.seed, "adapter"))
    tokenizer = load_tokenizer(config)
    dtype = torch.bfloat16 if config.precision == "bf16" and config.weights == "lora" else torch.float32
    model, precision = _base(config, dtype, where)
    digest, commit = base_sha256(config), base_commit(config)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": config.quant.kind == "nf4"})
    if config.quant.kind == "nf4":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=config.gradient_checkpointing)
    if config.weights == "lora":
        model = adapted(model, config)
    model.config.use_cache = False
    return Loaded(model, tokenizer, precision, digest, commit, where)


def adapted(model: torch.nn.Module, config: Config) -> torch.nn.Module:
    """The model with adapters in full precision on its projections."""
    lora = config.lora
    model = get_peft_model(model, LoraConfig(r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, bias=lora.bias,
                                             target_modules=list(lora.targets), task_type="CAUSAL_LM"))
    for p in model.parameters():
        if p.requires_grad:
            p.data = p.data.float()
    return model


def quantisation(config: Config) -> transformers.BitsAndBytesConfig:
    """4-bit storage as the configuration asks for it."""
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=config.quant.kind, bnb_4bit_use_double_quant=config.quant.double,
        bnb_4bit_compute_dtype=torch.bfloat16, bnb_4bit_quant_storage=getattr(torch, config.quant.storage))


def base_sha256(config: Config) -> str:
    """One digest for configuration and weights of a local base; for a hub model its id and commit, which stand for them."""
    source(config)  # tells what is absent
    digest = hashlib.sha256()
    path = Path(config.base.path) if config.base.path else None
    if path is None:
        digest.update(f"{config.base.id}@{base_commit(config)}".encode())
        return digest.hexdigest()
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.name == "config.json" or p.suffix == ".safetensors")
    for file in files:
        with file.open("rb") as data:
            if len(files) == 1:
                return hashlib.file_digest(data, "sha256").hexdigest()
            digest.update(hashlib.file_digest(data, "sha256").digest())
    return digest.hexdigest()


def base_commit(config: Config) -> str:
    """The commit that a base of the hub comes from. A folder tells it where the hub's own tools made it, a GGUF file does not."""
    if not config.base.path:
        options = {"revision": config.base.revision or None, "local_files_only": not config.allow_download}
        file = hub.found(config.base, config.allow_download, lambda: cached_file(config.base.id, "config.json", **options))
        return SNAPSHOT.search(Path(file).as_posix())[1]
    path = Path(config.base.path).absolute()
    if found := SNAPSHOT.search(path.as_posix() + "/"):
        return found[1]
    note = path / ".cache" / "huggingface" / "download" / "config.json.metadata"  # `hf download --local-dir`
    first = note.read_text(encoding="utf-8").split("\n")[0].strip() if note.is_file() else ""
    return first if COMMIT.fullmatch(first) else ""


def _subseed(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big")


def source(config: Config) -> dict:
    """Where transformers finds the base."""
    path = config.base.path
    if not path:
        return {"pretrained_model_name_or_path": config.base.id, "revision": config.base.revision or None,
                "local_files_only": not config.allow_download}
    file = Path(path)
    if file.is_dir() and (file / "config.json").is_file():
        return {"pretrained_model_name_or_path": path}
    if file.is_file() and file.suffix == ".gguf":
        return {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    raise Fail(errors.NO_FILE, f"the base {path} is neither a model directory nor a GGUF file; give one with --base")


def _base(config: Config, dtype: torch.dtype, device: torch.device) -> tuple[torch.nn.Module, str]:
    given = source(config) | {"dtype": dtype, "attn_implementation": ATTENTION if config.loss == "listwise" else "sdpa"}
    precision = "bf16" if dtype == torch.bfloat16 else "fp32"
    if "gguf_file" in given:
        from transformers import GgufConfig

        given["quantization_config"] = GgufConfig(dequantize=True)
        precision = "dequantised " + gguf_precision(Path(config.base.path))
    elif config.quant.kind == "nf4":
        given["quantization_config"] = quantisation(config)
        given["device_map"] = {"": 0}
        precision = "nf4"
    model = hub.found(config.base, config.allow_download, lambda: transformers.AutoModelForCausalLM.from_pretrained(**given))
    if config.quant.kind != "nf4":
        model = model.to(device)
    return model, precision


def gguf_precision(path: Path) -> str:
    """The commonest type of the weight matrices: q4_1, f16 …"""
    from collections import Counter

    from gguf import GGUFReader

    kinds = Counter(t.tensor_type.name.lower() for t in GGUFReader(str(path)).tensors if len(t.shape) == 2)
    return kinds.most_common(1)[0][0]


def device(config: Config) -> torch.device:
    """The device that the configuration needs; it never falls back to another one by itself."""
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if config.quant.kind == "nf4" or config.optim.name == "paged_adamw_8bit":
        raise Fail(errors.UNAVAILABLE, f"{config.name} needs an NVIDIA GPU with CUDA, and torch {torch.__version__} sees none here; "
                   "without one use configs/option-135m.yaml or `make train-smoke`")
    return torch.device("cpu")
