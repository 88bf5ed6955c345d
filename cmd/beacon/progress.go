package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// showProgress says that a query runs and for how long, once it has run for the time
// given, until done is called.
func showProgress(after time.Duration) (done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		began, terminal, shown := time.Now(), isTerminal(os.Stderr), false
		for wait := after; ; wait = time.Second {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				if shown && terminal {
					fmt.Fprint(os.Stderr, "\r\x1b[K")
				}
				return
			}
			switch elapsed := time.Since(began).Round(time.Second); {
			case terminal:
				fmt.Fprintf(os.Stderr, "\rquery running, %v (Ctrl-C ends it) ", elapsed)
			case !shown:
				fmt.Fprintf(os.Stderr, "beacon: query running, %v\n", elapsed)
			}
			shown = true
		}
	}()
	return func() { cancel(); <-ended }
}
