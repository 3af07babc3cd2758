"""What goes wrong when a base model is looked for, told so that one can act on it."""

import os

from . import errors
from .config import Base
from .errors import Fail


def found(base: Base, allow_download: bool, load):
    """What `load` gives; where the base cannot be had, why, and the next step."""
    try:
        return load()
    except OSError as err:
        raise _explained(base, allow_download, err) from None


def _explained(base: Base, allow_download: bool, err: Exception) -> Fail:
    from huggingface_hub import get_token
    from huggingface_hub.errors import GatedRepoError

    if base.path:
        return Fail(errors.NO_FILE, f"the base {base.path} cannot be read: {errors.first_line(err)}; give another one with --base")
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    wanted = f" at revision {base.revision[:12]}" if base.revision else ""
    if not allow_download or offline:
        return Fail(errors.NO_FILE, f"{base.id}{wanted} is not on this machine, and nothing is fetched unasked; give its folder with --base, or "
                    + ("unset HF_HUB_OFFLINE" if offline and allow_download else "let it be fetched with --allow-download"))
    status = getattr(getattr(_cause(err), "response", None), "status_code", None)
    if isinstance(_cause(err), GatedRepoError) or status in (401, 403):
        if not get_token():
            return Fail(errors.CONFIG, f"{base.id} is gated and there is no token: put yours into HF_TOKEN, or into ~/.cache/huggingface/token "
                        "by `hf auth login`; ungated is HuggingFaceTB/SmolLM2-135M-Instruct")
        return Fail(errors.CONFIG, f"{base.id} is gated and your token has no access to it: accept the licence on the model's page, or take a "
                    "token that may read gated models; ungated is HuggingFaceTB/SmolLM2-135M-Instruct")
    return Fail(errors.UNAVAILABLE, f"{base.id} cannot be fetched: {errors.first_line(err)}; try again, or give its folder with --base")


def _cause(err: BaseException) -> BaseException:
    """The hub's own error, which transformers wraps."""
    while err.__cause__ is not None:
        err = err.__cause__
    return err
