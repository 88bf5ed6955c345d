module github.com/seed-d051cf5a/beacon/collect

go 1.25.0

require (
	github.com/andybalholm/brotli v1.2.0
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875
	github.com/google/uuid v1.6.0
	github.com/klauspost/compress v1.20.1
	github.com/mileusna/useragent v1.3.5
	github.com/seed-d051cf5a/beacon v0.0.0
	go.opentelemetry.io/proto/otlp v1.11.0
	golang.org/x/text v0.41.0
	golang.org/x/time v0.15.0
	google.golang.org/protobuf v1.36.12
)

require golang.org/x/sys v0.47.0 // indirect
