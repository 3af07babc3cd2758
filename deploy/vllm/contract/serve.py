"""Serves the contract's model on a CPU as the GPU service would: through sat-vllm, with the flags of its compose file.

serve.py ENGINE_GPU_YAML SAT_VLLM MODEL PORT

The flag that only a GPU knows is left out, and compilation, which takes minutes and changes no reply.
"""
import os
import re
import sys

import yaml

GPU_ONLY = ["--gpu-memory-utilization"]


def flags(path, port):
    with open(path) as f:
        command = yaml.safe_load(f)["services"]["vllm_app"]["command"]
    given = [re.sub(r"\$\{[A-Z_]+:?-([^}]*)\}", r"\1", word) for word in command[2:]]
    kept, skip = [], 0
    for word in given:
        skip = 2 if word in GPU_ONLY else max(skip - 1, 0)
        if not skip:
            kept.append(word)
    kept[kept.index("--port") + 1] = port
    return kept + ["--host", "127.0.0.1", "--enforce-eager"] + os.environ.get("VLLM_CONTRACT_FLAGS", "").split()


if __name__ == "__main__":
    path, script, model, port = sys.argv[1:5]
    os.execv(sys.executable, [sys.executable, script, "serve", model, *flags(path, port)])
