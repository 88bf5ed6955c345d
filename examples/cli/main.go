// Command cli is a tool that reports its use, and leaves that to its user.
//
//	go run ./examples/cli hello
//	DO_NOT_TRACK=1 go run ./examples/cli hello
//	go run ./examples/cli telemetry
package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// endpoint is where reports go; a tool of yours has one that is built in.
func endpoint() string {
	if url := os.Getenv("CLI_TELEMETRY_URL"); url != "" {
		return url
	}
	return "http://127.0.0.1:8080/cli"
}

func main() {
	beacon.Start(beacon.Config{HonorDoNotTrack: true})
	began := time.Now()
	err := run(os.Args[1:])
	// Whatever comes next, an exit, a crash, a closed laptop: the report leaves.
	beacon.Send(endpoint(), beacon.JSON(map[string]any{
		"command": command(os.Args), "ok": err == nil, "ms": time.Since(began).Milliseconds(), "os": runtime.GOOS,
	}))
	if err != nil {
		fmt.Fprintln(os.Stderr, "cli:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch command(append([]string{""}, args...)) {
	case "hello":
		fmt.Println("Hello.")
		return nil
	case "telemetry":
		return telemetry()
	}
	return fmt.Errorf("commands are hello and telemetry")
}

// telemetry tells the user what is sent, what waits, and how to opt out.
func telemetry() error {
	fmt.Println("This tool reports each command, whether it worked and how long it took, to", endpoint())
	fmt.Println("Set DO_NOT_TRACK=1 and it reports nothing and forgets what waits.")
	s, err := beacon.Default().Status()
	if err != nil {
		return nil // nothing was ever sent
	}
	fmt.Printf("So far: %d delivered, %d waiting, %d forgotten.\n", s.Delivered, s.Pending, s.Purged)
	return nil
}

func command(args []string) string {
	if len(args) < 2 {
		return ""
	}
	return args[1]
}
