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
	sender, err := beacon.Open(beacon.Config{}) // what the volume holds of earlier runs is delivered too
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	url := os.Getenv("JOB_URL")
	if url == "" {
		url = "http://127.0.0.1:8080/jobs"
	}
	began := time.Now()
	fmt.Println("working")
	err = sender.Send(url, beacon.JSON(map[string]any{"job": "example", "ms": time.Since(began).Milliseconds()}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // such as a full outbox; the job is done all the same
	}

	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second) // of the usual 10
	defer cancel()
	if err := sender.Flush(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err) // they are in the outbox, and it is on a volume
		os.Exit(1)
	}
}
