// Command container is the first process of a container: when it ends, the kernel ends
// all others, a detached deliverer too. So it waits for its beacons, for a time that the
// platform allows.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

func main() {
	beacon.Start(beacon.Config{InProcess: true}) // what the volume holds of earlier runs goes too
	url := os.Getenv("JOB_URL")
	if url == "" {
		url = "http://127.0.0.1:8080/jobs"
	}
	began := time.Now()
	fmt.Println("working")
	beacon.Send(url, beacon.JSON(map[string]any{"job": "example", "ms": time.Since(began).Milliseconds()}))

	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second) // of the usual 10
	defer cancel()
	if err := beacon.Flush(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err) // they are in the outbox, and it is on a volume
		os.Exit(1)
	}
}
