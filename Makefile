# make help lists what there is.
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS   = -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)

# SQLite is C. A clone that belongs to another user makes git refuse, and go build with it.
export CGO_ENABLED = 1
# The tags leave out what Google's storage client has beside its HTTP one (xDS, Envoy, RPC traces in HTML): half of
# the program, and 20 MB of its memory. Without them it works just as well.
export GOFLAGS += -buildvcs=false -tags=disable_grpc_modules,grpcnotrace

comma := ,

.DEFAULT_GOAL := help
.PHONY: help build warehouse generate demo sample test rehearsal race lint fuzz sbom k8s ci site release-check deps clean bench bench-peers

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/impactsync
	go build -ldflags '$(LDFLAGS)' -o bin/impactsync ./cmd/impactsync

warehouse: GOFLAGS := $(subst -tags=,-tags=warehouse$(comma),$(GOFLAGS))
warehouse: ## bin/impactsync-warehouse: the same with the drivers of Snowflake and Databricks, which are as large again
	go build -ldflags '$(LDFLAGS)' -o bin/impactsync-warehouse ./cmd/impactsync

generate: ## the page's templates as Go
	bash .ci/run generate

demo: build ## two syncs of the sample shop against the sandbox, in ./demo
	bash examples/shop/demo.sh demo

sample: ## make the bundled sample data anew
	rm -rf examples/shop/step1 examples/shop/step2
	cd cmd/bench && go run ./shopgen --out ../../examples/shop/step1 --step 1
	cd cmd/bench && go run ./shopgen --out ../../examples/shop/step2 --step 2

test: ## all tests of the program
	go test -timeout 15m ./...

rehearsal: ## 100,000 orders of two months, with kills and lost answers, by each of ROADS=api,file,sftp; 1,000,000 actions; 1,000,000 orders in one file: an hour (ORDERS=n, ACTIONS=n, FILE=n)
	go test ./cmd/internal/rehearsal -timeout 4h -v -rehearsal.orders $(or $(ORDERS),100000) -rehearsal.refunded 5 -rehearsal.roads $(or $(ROADS),api$(comma)sftp) -rehearsal.actions $(or $(ACTIONS),1000000) -rehearsal.file $(or $(FILE),1000000)

race: ## the tests under the race detector
	bash .ci/run race

lint: ## golangci-lint, at the version in .ci/versions
	bash .ci/run lint

fuzz: ## every fuzz target for FUZZ_SECONDS (default 3)
	bash .ci/run fuzz

sbom: ## dist/sbom.json: the modules that the program is made of, and their licences
	bash .ci/run sbom

k8s: ## the tests of the Kubernetes manifests
	bash .ci/run k8s

ci: ## everything that has to pass
	bash .ci/run

site: ## the documents as a site in dist/site, its links checked
	bash .ci/site

release-check: ## the archives, packages and SBOMs of a release in dist/release; publishes nothing
	bash .ci/release-check

deps: ## download the modules
	go mod download

clean: ## remove what was built, and the demo
	rm -rf bin demo dist

bench: build bench-peers ## time the program against its peers, side by side (BENCH="-only diff" for one row)
	cd cmd/bench && PATH="$(CURDIR)/bin/tools:$$PATH" go run . -bin $(CURDIR)/bin/impactsync $(BENCH)

# What cannot be had is left out, by name.
bench-peers:
	@bash .ci/packages jq wrk sqlite3 sort comm zcat || echo "make bench goes on without them"
	@cd cmd/bench/duckdb && go build -o $(CURDIR)/bin/tools/duckdb-except . || echo "make bench goes on without DuckDB: it cannot be built"
	@cd cmd/bench/benthos && go build -o $(CURDIR)/bin/tools/benthos . || echo "make bench goes on without Benthos: it cannot be built"
