module github.com/seed-d051cf5a/beacon

go 1.25.0

require (
	github.com/google/uuid v1.6.0
	github.com/nlnwa/whatwg-url v0.6.2
	golang.org/x/net v0.58.0
	golang.org/x/sys v0.47.0
)

require (
	github.com/bits-and-blooms/bitset v1.20.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)
