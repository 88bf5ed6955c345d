# make test     every check that a change must pass; it installs the programs that the tests need
# make bench    benchmarks of the hot paths; where they compare two things, both run in turns
# make scale    kills brokers, collectors and tables at random for BEACON_SCALE seconds
# make fuzz     every fuzz test, FUZZTIME each
# make senders  runs every library that sends to the collector, and writes docs/trackers.md
# make loss     measures which events of a page that is left arrive, and writes docs/loss.md

FUZZTIME ?= 30s
BEACON_LOSS_RUNS ?= 20
BEACON_SCALE ?= 600
# The Go version that the modules of go125.work promise. "work" is all packages of the modules in go.work.
OLDEST_GO = GOWORK=$(CURDIR)/go125.work GOTOOLCHAIN=go1.25.0

.PHONY: test tools check vulnerabilities bench senders loss scale fuzz

test: tools check vulnerabilities
	go test -race -timeout 60m work
	CGO_ENABLED=0 go test ./cmd/beacon -run WithoutATableEngine
	$(OLDEST_GO) go vet work
	$(OLDEST_GO) go test . ./navigator
	cd examples/sdk && go vet ./... && go test ./...

tools:
	scripts/install-tools

# Vets the code for the other systems too, without cgo.
check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	go vet work
	go tool staticcheck work
	CGO_ENABLED=0 GOOS=darwin go vet work
	CGO_ENABLED=0 GOOS=windows go vet work
	CGO_ENABLED=0 GOOS=freebsd go vet work
	GOOS=js GOARCH=wasm go build . && go vet -tags beacon_off .

# Status 3 means a vulnerability. Any other failure means that the database can't be reached.
vulnerabilities:
	@go tool govulncheck work || { [ $$? -ne 3 ] && echo "govulncheck is skipped: its database can't be reached"; }

bench:
	go test -run '^$$' -bench 'Against(Write|Discard|Client)' -benchtime 2s . ./cmd/internal/httpserver ./internal/deliver
	go test -run '^$$' -bench 'ServiceSustained|MillionPending' -benchtime 1x . ./internal/deliver
	go test -run '^$$' -bench AgainstNoSend -benchtime 40x .
	go test -run '^$$' -bench 'Beacon$$' -benchtime 2s ./page ./cmd/internal/httpserver
	go test -run '^$$' -bench AgainstChromium -benchtime 100x ./test/conformance
	go test -run '^$$' -bench AgainstNginx -benchtime 3x ./cmd/beacon
	go test -run '^$$' -bench 'AgainstBareHandler|Handshakes' -benchtime 1x ./cmd/beacon
	go test -run '^$$' -bench 'Sustained|AckAtHalfLoad|Idle' -benchtime 1x ./cmd/beacon
	go test -run '^$$' -bench P75 -benchtime 5x -timeout 30m ./cmd/internal/table/query
	go test -run '^$$' -bench Writer -benchtime 200000x ./cmd/internal/table
	go test -run '^$$' -bench Ship -benchtime 300000x ./cmd/internal/kafka
	go test -run '^$$' -bench Scale -benchtime 1x -timeout 30m ./cmd/beacon
	go test -run '^$$' -bench Dashboard -benchtime 1x -timeout 30m ./cmd/beacon

senders: tools
	go test -timeout 40m -parallel 3 ./test/trackers -run TestSenders -all -update

loss: tools
	go test ./test/loss -timeout 4h -count 1 -v -all -update -runs $(BEACON_LOSS_RUNS)

scale: tools
	BEACON_SCALE=$(BEACON_SCALE) go test ./cmd/beacon -run TestScale -count 1 -v -timeout 2h

fuzz:
	@for package in $$(go list work); do for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
		echo "$$package $$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
	done; done
