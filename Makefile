# Every target is a command that the gate or a reader runs as it stands.
GO        ?= go
TESTFLAGS ?=
FAULTS    ?=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## judge the embedded blue and green services and leave a report to open (FAULTS=price-as-string breaks green)
	$(GO) build -o bin/bgverify ./cmd/bgverify
	bin/bgverify demo $(if $(FAULTS),--green-fault $(FAULTS))

test: ## run the tests
	$(GO) test $(TESTFLAGS) ./...

.PHONY: help demo test
