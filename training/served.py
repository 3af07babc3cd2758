"""Holds the scores of llama-server, without and with an adapter, against those of PyTorch on the same questions."""

import argparse
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

LAUNCHER = Path(__file__).parent.parent / "internal" / "engine" / "llamacpp" / "launcher.py"
TOLERANCE = 0.5  # of a score log p(Yes) - log p(No): the served base is quantised, its activations too
CANARY = 0.05  # so much an adapter must change


class Server:
    """A llama-server for as long as its standard input is open."""

    def __init__(self, python: str, base: str, adapter: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([python, "-I", "-u", str(LAUNCHER)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        asked = {"model": base, "alias": "m", "adapter": adapter, "host": "127.0.0.1", "port": self.port, "key": "k", "context": 4096,
                 "threads": 1, "template_args": {}}
        self.process.stdin.write((json.dumps(asked) + "\n").encode())
        self.process.stdin.flush()
        until = time.monotonic() + 120
        while True:
            try:
                self.post("/tokenize", {"content": "x"})
                return
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise SystemExit("served.py: llama-server did not start; try `sat doctor`") from None
                time.sleep(0.2)

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(),
                                         {"Authorization": "Bearer k", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as reply:
            return json.load(reply)

    def token(self, text: str) -> int:
        return self.post("/tokenize", {"content": text, "add_special": False})["tokens"][0]

    def score(self, record: dict, yes: int, no: int) -> float:
        reply = self.post("/v1/chat/completions", {"model": "m", "messages": record["prompt"], "max_tokens": 1, "temperature": 0, "seed": 0,
                                                   "logprobs": True, "top_logprobs": 2000, "cache_prompt": True,
                                                   "chat_template_kwargs": record["chat_template_kwargs"]})
        top = {e["id"]: e["logprob"] for e in reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]}
        return top.get(yes, min(top.values())) - top.get(no, min(top.values()))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("python", "base", "adapter", "data"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--torch", nargs=2, required=True, help="scores by `sat-train score`: of the base, of the adapter")
    parser.add_argument("--limit", type=int, default=10)
    options = parser.parse_args()
    groups: dict[str, list[dict]] = {}
    for line in Path(options.data, "val.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        groups.setdefault(record["group"], []).append(record)
    chosen = list(groups)[: options.limit]
    served: list[dict[str, list[float]]] = []
    failures = 0
    for arm, adapter, expected in zip(("base", "adapter"), ("", options.adapter), options.torch):
        torch = {row["id"]: row["scores"] for row in map(json.loads, Path(expected).read_text().splitlines())}
        server = Server(options.python, options.base, adapter)
        yes, no = server.token("Yes"), server.token("No")
        scores = {group: [server.score(record, yes, no) for record in groups[group]] for group in chosen}
        server.close()
        served.append(scores)
        apart = max(abs(a - b) for group in chosen for a, b in zip(scores[group], torch[group]))
        agree = sum(best(scores[group]) == best(torch[group]) for group in chosen)
        print(f"{arm}: {len(chosen)} questions, largest difference of a score to PyTorch {apart:.3f}, same choice in {agree}")
        failures += apart > TOLERANCE
    changed = sum(max(abs(a - b) for a, b in zip(served[0][g], served[1][g])) >= CANARY for g in chosen)
    print(f"canary: the adapter changes the scores of {changed} of {len(chosen)} questions by {CANARY} or more")
    failures += changed < 0.8 * len(chosen)
    return 1 if failures else 0


def best(scores: list[float]) -> int:
    return max(range(len(scores)), key=scores.__getitem__)


if __name__ == "__main__":
    sys.exit(main())
