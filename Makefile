# What people run: make demo, make test. The rest is for those who change things.

GO      ?= go
BUILD   := build
PROGRAM := bin/macielake
FUZZ    ?= 10s

# oracle-long is not part of test: it takes half an hour.
.PHONY: build demo test lint unit race fuzz oracle oracle-long pipes-check bench golden vulncheck clean

build:
	$(GO) build -o $(PROGRAM) ./cmd/macielake

# Generates a sample, converts it, and shows what came out.
demo: build
	rm -rf $(BUILD)/demo
	mkdir -p $(BUILD)/demo
	$(PROGRAM) gen $(BUILD)/demo/results --size 20MB
	$(PROGRAM) convert $(BUILD)/demo/results --out $(BUILD)/demo/lake
	$(GO) run -C bench/oracle . show --dataset $(CURDIR)/$(BUILD)/demo/lake

test: lint unit race fuzz oracle pipes-check

$(BUILD)/staticcheck: tools/go.mod
	$(GO) build -C tools -o ../$(BUILD)/ honnef.co/go/tools/cmd/staticcheck

lint: $(BUILD)/staticcheck
	test -z "$$(gofmt -l cmd internal pkg bench | tee /dev/stderr)"
	$(GO) vet ./...
	$(BUILD)/staticcheck ./...
	$(GO) vet -C bench/oracle ./...

unit:
	$(GO) test ./...

# The packages that have goroutines of their own. What counts allocations can't
# run here: the race detector makes pools forget.
race:
	$(GO) test -race -short ./pkg/stream ./internal/convert ./internal/query ./internal/lake ./internal/raw ./internal/cat
	$(GO) test -race -short -run 'Parallel|Lane|Commit|Sink' ./pkg/sink

# Each fuzz target for a moment; FUZZ=1h for more.
fuzz:
	scripts/fuzz $(FUZZ)

# DuckDB, which reads the same files with SQL of its own, must find the same
# rows in every column.
oracle: build
	$(GO) test -C bench/oracle ./...
	scripts/oracle $(PROGRAM) $(BUILD)/oracle

# The same at full size: 400 MB, five seeds.
oracle-long: build
	scripts/oracle $(PROGRAM) $(BUILD)/oracle 400MB 1 2 3 4 5

# The README's examples of pipes, as they are written there: jq, DuckDB, and
# npm's apache-arrow, which is pinned in bench/pipes. It says what it leaves out
# where one of them isn't there.
pipes-check: build
	scripts/pipes $(PROGRAM) $(BUILD)/pipes

# Summaries of ten million objects, two results each: several minutes, some GB
# of temporary files, and less than 1 GB of memory.
objects:
	MACIELAKE_OBJECTS=10000000 $(GO) test ./internal/query -run TestObjects -v -timeout 60m

bench: build
	scripts/bench

golden:
	scripts/golden

vulncheck:
	$(GO) build -C tools -o ../$(BUILD)/ golang.org/x/vuln/cmd/govulncheck
	$(BUILD)/govulncheck ./...

clean:
	rm -rf bin $(BUILD)
