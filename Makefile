# Every target is a command that CI or a reader runs unchanged.
GO        ?= go
TESTFLAGS ?=
FAULTS    ?=
ARGS      ?=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## judge the embedded blue and green services and write a report (FAULTS=price-as-string breaks green, ARGS=--no-load adds flags)
	$(GO) build -o bin/bgverify ./cmd/bgverify
	bin/bgverify demo $(if $(FAULTS),--green-fault $(FAULTS)) $(ARGS)

test: ## run the tests
	$(GO) test $(TESTFLAGS) ./...
	@.ci/conformance status

test-long: ## run the tests with every sample, table row and real server that the ordinary run leaves out (about ten minutes)
	BGVERIFY_LONG=1 $(GO) test -count=1 -timeout 30m ./...

test-evidence: ## evidence tests: false passes, crashes, resource limits (BGVERIFY_TORTURE=200: the long forms)
	$(GO) test -count=1 -run Evidence ./cmd/bgverify
	BGVERIFY_EVIDENCE_BUILD=1 $(GO) test -count=1 -run EvidenceIllComparator ./cmd/bgverify

test-shift: ## walk traffic through HAProxy and PowerDNS, and kill walks at every call and record (about ten minutes)
	BGVERIFY_TORTURE=50 $(GO) test -count=1 -parallel 6 -timeout 40m -run Shift ./cmd/bgverify
	BGVERIFY_TORTURE=50 $(GO) test -count=1 -v ./runner/shift/...

test-boxes: ## tap each fault of the twin, and ffmpeg, curl and Chromium as boxes, with toxiproxy in front of each side
	BGVERIFY_BOXES=1 $(GO) test -count=1 -run 'TapFaults|Boxes' ./cmd/bgverify

bench-tap: ## measure what a tap adds to nginx as a plain reverse proxy, and its memory under 200 boxes
	cd bench && $(GO) run ./tap

test-report: ## lint and test the page's script, render reports in headless Chromium and check their figures
	cd report/browser && npm ci --no-audit --no-fund --ignore-scripts --silent && node --test
	$(GO) test -tags browser -count=1 -timeout 20m ./report/browser

test-callers: ## ask bgverify serve with the code of Argo Rollouts and Flagger (builds both, about ten minutes once)
	cd bench/callers && $(GO) test -count=1 -v .

test-cluster: ## read, wait for, compare and patch two real API servers of Kubernetes (builds one from the module proxy, 10 to 60 minutes once)
	BGVERIFY_LONG=1 BGVERIFY_KUBE_ASSETS=$$(.ci/kube-assets | tail -n 1) $(GO) test -count=1 -run Real -v ./runner/cluster/...

test-store: ## copy runs to a real S3 server, versitygw, and read them back (installs it from the module proxy)
	GOBIN=$(CURDIR)/bin $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	BGVERIFY_S3_SERVER=$(CURDIR)/bin/versitygw $(GO) test -count=1 -v -run Real ./report/archive/remote

screenshots: ## take the pictures of README and docs from a report of the demo without load (half a minute)
	cd report/browser && npm ci --no-audit --no-fund --ignore-scripts --silent
	$(GO) build -o bin/bgverify ./cmd/bgverify
	bin/bgverify demo --no-progress -q --out bin/shots --no-load --green-fault price-as-string,leak-blue-host || test $$? = 1
	node report/browser/screenshots.mjs $(CURDIR)/bin/shots/latest/report.html docs $$(command -v chromium)

test-real: ## judge released versions of three public services
	.ci/test-real

bench: ## benchmark the comparison against other libraries, and whole runs against a bare loop and other tools
	cd bench && $(GO) run . && $(GO) run ./run
	$(GO) test -run '^$$' -bench . -benchtime 1s ./diff/... ./runner ./runner/wire

test-fleet: ## fire load from several workers, with faults and in network namespaces (root), and merge shards (about 20 minutes)
	BGVERIFY_TORTURE=1 $(GO) test -count=1 -v -timeout 60m ./runner/fleet
	BGVERIFY_TORTURE=1 $(GO) test -count=1 -v -timeout 60m -run Fleet ./cmd/bgverify
	BGVERIFY_TORTURE=1 $(GO) test -count=1 -v ./report/archive/merge

bench-verdict: ## simulate load verdicts: 300 seeded runs per cell
	BGVERIFY_BENCH_VERDICT=1 $(GO) test -count=1 -v -timeout 60m -run Verdict ./diff/perf

bench-load: ## benchmark the load generator against the vegeta library, k6 and Fortio, and a closed loop against wrk (at most 12 minutes)
	cd bench && $(GO) run ./load

bench-fleet: ## benchmark one process against workers that share its load, and the vegeta library (at most 15 minutes)
	cd bench && $(GO) run ./fleet

bench-import: ## compare what imported suites send with what the tools send that their sources were written for
	cd bench && $(GO) run ./importwire

package: ## check what a release is made of: binary, manual pages, image, chart, bill of materials; publishes nothing
	.ci/package full

fuzz: ## run every fuzz target for FUZZCPU seconds of CPU (default 600)
	.ci/fuzz

# Every target is a command, no file.
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))
