# Every target is a command that the gate or a reader runs as it stands.
GO        ?= go
TESTFLAGS ?=
FAULTS    ?=
ARGS      ?=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## judge the embedded blue and green services and leave a report to open (FAULTS=price-as-string breaks green, ARGS=--no-load adds flags)
	$(GO) build -o bin/bgverify ./cmd/bgverify
	bin/bgverify demo $(if $(FAULTS),--green-fault $(FAULTS)) $(ARGS)

test: ## run the tests
	$(GO) test $(TESTFLAGS) ./...

test-evidence: ## attempts to get a wrong PASS, and to kill, starve and deceive a run (BGVERIFY_TORTURE=200: the long forms)
	$(GO) test -count=1 -run Evidence ./cmd/bgverify
	BGVERIFY_EVIDENCE_BUILD=1 $(GO) test -count=1 -run EvidenceIllComparator ./cmd/bgverify

test-report: ## render runs in headless Chromium and hold the report's figures
	$(GO) test -tags browser -count=1 -timeout 20m ./report/...

test-real: ## judge two released versions of somebody else's service
	.ci/test-real

bench: ## the comparison against its peers, and whole runs against a bare loop and other tools
	cd bench && $(GO) run . && $(GO) run ./run
	$(GO) test -run '^$$' -bench . -benchtime 1s ./diff/... ./runner ./runner/wire

bench-verdict: ## the load verdict in seeded simulation: 300 runs a cell
	BGVERIFY_BENCH_VERDICT=1 $(GO) test -count=1 -v -timeout 60m -run Verdict ./diff/perf

bench-load: ## the load generator against the vegeta library, k6 and Fortio, at most 10 minutes
	cd bench && $(GO) run ./load

fuzz: ## every fuzz target for FUZZCPU seconds of CPU (default 600), a row for each
	.ci/fuzz

.PHONY: help demo test test-evidence test-report test-real bench bench-verdict bench-load fuzz
