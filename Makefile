# Everything here needs Go and make. `make` alone lists the targets.

SHELL         := /bin/sh
.DEFAULT_GOAL := help

CACHE := .cache
BIN   := $(CURDIR)/$(CACHE)/bin

# Pinned, so that everyone's run says the same. Those with few dependencies are in tools/go.mod; these two have hundreds.
GOLANGCI_VERSION   := v2.15.0
GORELEASER_VERSION := v2.15.0
GOLANGCI   := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
GORELEASER := $(BIN)/goreleaser-$(GORELEASER_VERSION)
GO_TOOL    := go tool -modfile=tools/go.mod

CUSTOM_README := examples/custom-schema/README.md

# A packager may set the version: make build VERSION=1.2.3
VERSION := dev
BINARY  := terraform-provider-hypervvm$(shell go env GOEXE)

##@ Try it

.PHONY: demo
demo: ## run the quickstart on a simulated host: validate, plan, apply, plan, destroy (EXAMPLE=custom-schema: that one; PWSH=1 or PWSH=path: with the real agent)
	@go run ./internal/demo $(if $(EXAMPLE),-example='$(EXAMPLE)') $(if $(PWSH),-pwsh='$(if $(filter 1,$(PWSH)),auto,$(PWSH))') $(DEMO_FLAGS)

.PHONY: embed
embed: ## run the example of a Go program: three jobs on a simulated host, with progress bars
	@go run ./examples/embed

.PHONY: simhost
simhost: ## serve a simulated Hyper-V host that the provider reaches like any other
	@go run ./hvprov/simhost/cmd/simhost $(SIMHOST_FLAGS)

##@ Build and test

.PHONY: build
build: ## build the provider into this folder
	go build -trimpath -ldflags='-X main.version=$(VERSION)' -o $(BINARY) .

.PHONY: test
test: ## run every test; says what it leaves out and why (PKG=./hvprov/... for some; FULL=1 leaves nothing out)
	@go run ./internal/testrun $(if $(FULL),-full) $(TEST_FLAGS) $(PKG)

.PHONY: scale
scale: ## run 2,000 jobs over 200 simulated hosts, a third of them in a bad way, and read 10,000 machines of 200 hosts
	go test -count=1 -v -run 'TestTwoThousandJobsOverTwoHundredHosts|TestTheInventoryOfTwoHundredHosts' ./hvprov

.PHONY: tofu
tofu: ## build OpenTofu into the project's cache, for machines without Terraform and OpenTofu (some minutes, once)
	@go run ./internal/tfcli/cmd/buildtofu -cache $(CACHE)

##@ Check

.PHONY: check
check: vet fmt-check lint docs-check release-check ## run every check but the tests

.PHONY: vet
vet: ## run go vet
	go vet ./...

.PHONY: lint
lint: $(GOLANGCI) ## run golangci-lint with .golangci.yml (builds it once: a minute)
	$(GOLANGCI) run ./...

.PHONY: fmt
fmt: ## format the Go files with gofumpt, and the examples with Terraform or OpenTofu where there is one
	$(GO_TOOL) gofumpt -w $$(git ls-files '*.go')
	@if cli=$$(command -v terraform || command -v tofu); then $$cli fmt -recursive examples; fi

.PHONY: fmt-check
fmt-check: ## fail if a Go file is not formatted
	@out=$$($(GO_TOOL) gofumpt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi

.PHONY: docs
docs: ## write docs/ from the schema, templates/ and examples/, and the attributes of examples/custom-schema into its README; needs no Terraform
	@$(MAKE) --no-print-directory docs-into DOCS=docs CUSTOM=$(CUSTOM_README)

.PHONY: docs-check
docs-check: ## fail if docs/ is stale
	@rm -rf $(CACHE)/docs
	@mkdir -p $(CACHE)
	@cp $(CUSTOM_README) $(CACHE)/custom-readme.md
	@$(MAKE) --no-print-directory docs-into DOCS=$(CACHE)/docs CUSTOM=$(CACHE)/custom-readme.md
	@diff -r docs $(CACHE)/docs && diff $(CUSTOM_README) $(CACHE)/custom-readme.md || { echo "docs/ is stale: run make docs, and commit it"; exit 1; }

.PHONY: docs-into
docs-into:
	@$(MAKE) --no-print-directory docs-render DOCS=$(DOCS) SCHEMA=
	@rm -rf $(CACHE)/custom-docs
	@$(MAKE) --no-print-directory docs-render DOCS=$(CACHE)/custom-docs SCHEMA=$(CURDIR)/examples/custom-schema/job-inputs.yaml
	@go run ./internal/docsection -from $(CACHE)/custom-docs/resources/hypervvm.md -heading '## Schema' -into $(CUSTOM) -marker attributes

.PHONY: docs-render
docs-render:
	@mkdir -p $(CACHE)
	@HYPERVVM_SCHEMA_FILE=$(SCHEMA) go run ./internal/schemajson > $(CACHE)/providers-schema.json
	@$(GO_TOOL) tfplugindocs generate --providers-schema $(CACHE)/providers-schema.json \
		--provider-name hypervvm --rendered-provider-name hypervvm --rendered-website-dir $(DOCS) >$(CACHE)/docs.log 2>&1 \
		|| { cat $(CACHE)/docs.log; exit 1; }

##@ Release

.PHONY: release-check
release-check: $(GORELEASER) ## check .goreleaser.yml (builds goreleaser once: two minutes)
	$(GORELEASER) check

.PHONY: snapshot
snapshot: $(GORELEASER) ## build and pack all platforms into dist/, without signing and publishing
	$(GORELEASER) release --snapshot --clean --skip=sign,publish

##@ Other

.PHONY: clean
clean: ## remove what builds and runs have left, and the cache with OpenTofu and the tools
	rm -rf $(CACHE) dist $(BINARY)

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `go install` puts the program at $(GOBIN) under its own name; the version in the file's name makes a new pin a new build.
$(GOLANGCI):
	GOBIN=$(BIN) GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(BIN)/golangci-lint $@

$(GORELEASER):
	GOBIN=$(BIN) GOFLAGS= go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	@mv $(BIN)/goreleaser $@
