# SAT Reading tutor. `make help` lists what there is.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X sattutor/cmd/internal/setup.version=$(VERSION)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
LEFT_OUT = .sat/tests-left-out.txt

.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## fetch the embedded engine if need be, start engine, backend and pages, print the address
	@bin/sat up

build: ## bin/backend, bin/frontend and bin/sat
	@mkdir -p bin
	$(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/backend ./cmd/frontend ./cmd/sat

test: ## every test that this machine can run; the last lines name what was left out
	@mkdir -p .sat && rm -f $(LEFT_OUT)
	SAT_TEST_LEFT_OUT=$(CURDIR)/$(LEFT_OUT) $(GO) test $(TESTFLAGS) ./...
	@if [ -s $(LEFT_OUT) ]; then echo "left out:"; sort -u $(LEFT_OUT) | sed 's/^/  /'; else echo "nothing was left out"; fi

lint: ## gofmt, vet and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not formatted (run make fmt):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

fmt: ## format the Go code
	gofmt -w $$(git ls-files '*.go')

bench: ## the backend's allocations against their ceilings, and its benchmarks
	SAT_BENCH=1 $(GO) test -run 'TestCeilings' -count=1 -v ./cmd/internal/setup
	$(GO) test -run '^$$' -bench . -benchmem ./cmd/internal/setup ./internal/engine/openaicompat

e2e: ## pages in a real browser and the whole stack on this machine, engine included
	SAT_TEST_REQUIRE=chromium,engine $(GO) test -count=1 ./internal/frontend ./internal/engine/llamacpp ./cmd/...

gateway-client: .cache/openai-client ## drive /v1 with OpenAI's own Python client, in an environment of its own
	SAT_TEST_REQUIRE=openai-client $(GO) test -count=1 -v -run TestOpenAIsOwnClient ./internal/backend

.cache/openai-client:
	python3 -m venv $@ && $@/bin/pip install -q openai==2.29.0 || (rm -rf $@; exit 1)

e2e-openwebui: .cache/open-webui ## drive a real Open WebUI (1.7 GB from PyPI) with a browser: sign in, ask twice, vote, export
	SAT_TEST_REQUIRE=open-webui,chromium $(GO) test -count=1 -v -timeout 15m -run TestRealOpenWebUI ./cmd/sat

# Without torch: 4 GB that only local embeddings need, which the stack leaves off.
.cache/open-webui:
	python3 -m venv $@ && $@/bin/pip install -q uv==0.13.9 && echo "torch ; python_version < '3'" >$@/without.txt \
	&& $@/bin/uv pip install -q --python $@/bin/python --overrides $@/without.txt open-webui==0.12.4 || (rm -rf $@; exit 1)

lm-eval: .cache/lm-eval ## ask lm-eval and sat eval the same questions of the same server, and compare all they say
	LM_EVAL=$(CURDIR)/.cache/lm-eval/bin/lm_eval SAT_TEST_REQUIRE=lm-eval $(GO) test -count=1 -v -timeout 20m -run TestLMEvalAgrees ./cmd/sat

.cache/lm-eval:
	python3 -m venv $@ && $@/bin/pip install -q 'lm-eval[api]==0.4.13' || (rm -rf $@; exit 1)

docker: ## build the images
	docker compose build

up: ## start the compose stack in the background
	docker compose up -d --build

down: ## stop the compose stack, keep its volumes
	docker compose down

hf-token: ## keep your token of the model hub for the GPU engine: make hf-token < token.txt
	@docker compose run --rm -T init set hf_token

engine-key: ## keep the key of an engine elsewhere: make engine-key < key.txt
	@docker compose run --rm -T init set vllm_api_key

grafana-password: ## print the password of Grafana's admin
	@docker compose exec -T grafana cat /run/secrets/grafana_admin_password

webui-password: ## print the password of Open WebUI's admin
	@docker compose exec -T open-webui cat /run/secrets/open_webui_admin_password

vllm-contract: ## hold a real vLLM server on the CPU to what the product expects of it (3 GB to fetch)
	nice -n 10 deploy/vllm/contract/run.sh

vllm-letters: build ## does the shipped adapter choose the same letters in vLLM and in llama-server? QUESTIONS=FILE names 100
	bin/sat engine install
	nice -n 10 deploy/vllm/contract/run.sh letters

train-env: ## the trainer's own Python environment, for CPU and GPU (5.7 GB on Linux)
	python3 -m venv training/.venv
	training/.venv/bin/python -m pip install -q --require-hashes -r training/requirements.txt
	training/.venv/bin/python -m pip install -q --no-deps --no-build-isolation -e training

train-test: ## the trainer's tests, in that environment
	cd training && OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q

train-smoke: build ## walk training/README.md on the CPU: questions, a trained adapter, an answer in the browser
	bin/sat engine install
	training/smoke.sh

e2e-compose: ## build and start the compose stack with stand-in base images, and try it to destruction
	deploy/ci/e2e.sh

.PHONY: help run build test lint fmt bench e2e gateway-client lm-eval e2e-openwebui docker up down hf-token engine-key grafana-password webui-password vllm-contract vllm-letters train-env train-test train-smoke e2e-compose
