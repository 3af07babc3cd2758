"""Runs one llama-server inside this process, as the JSON line on standard input says, until that input closes."""
import json
import os
import sys

import xllamacpp

asked = json.loads(sys.stdin.readline())
params = xllamacpp.CommonParams()
params.model.path, params.model_alias = asked["model"], {asked["alias"]}
params.hostnames, params.port, params.api_keys = [asked["host"]], asked["port"], [asked["key"]]
params.n_ctx, params.n_parallel, params.cache_ram_mib = asked["context"], 1, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked["threads"]
params.endpoint_metrics, params.endpoint_slots, params.ui = True, False, False
params.default_template_kwargs = {name: json.dumps(value) for name, value in asked["template_args"].items()}
if asked["adapter"]:
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(asked["adapter"], 1.0)]
server = xllamacpp.Server(params)
sys.stdin.buffer.read()  # ends when the parent closes it, and when the parent dies
os._exit(0)
