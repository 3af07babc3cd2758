"""Serves embeddings of one GGUF model by llama-server on a free port, which it prints, until standard input closes."""
import os
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.model_alias = sys.argv[1], {"small"}
params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, ["secret"]
params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = 512, 1, 512, 512
params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.ui = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.buffer.read()
os._exit(0)
