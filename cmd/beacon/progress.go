package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// showProgress prints on stderr that what, such as a query, is running, and for how long. It starts
// after the given time and ends when done is called.
func showProgress(what string, after time.Duration) (done func()) {
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
					fmt.Fprint(os.Stderr, clearLine)
				}
				return
			}
			switch elapsed := time.Since(began).Round(time.Second); {
			case terminal:
				fmt.Fprintf(os.Stderr, "\r%s running, %v (Ctrl-C ends it) ", what, elapsed)
			case !shown:
				fmt.Fprintf(os.Stderr, "beacon: %s running, %v\n", what, elapsed)
			}
			shown = true
		}
	}()
	return func() { cancel(); <-ended }
}

const clearLine = "\r\x1b[K"

// A transfer is a reader that shows its progress on a terminal, until its end or its first error.
type transfer struct {
	io.Reader
	what         string
	size, read   int64 // bytes; a size below 0 is unknown
	began, shown time.Time
	terminal     bool
}

func showTransfer(what string, r io.Reader, size int64) *transfer {
	now := time.Now()
	return &transfer{Reader: r, what: what, size: size, began: now, shown: now, terminal: isTerminal(os.Stderr)}
}

const showEvery = 250 * time.Millisecond

func (t *transfer) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.read += int64(n)
	if now := time.Now(); t.terminal && (err != nil || now.Sub(t.shown) >= showEvery) {
		fmt.Fprint(os.Stderr, clearLine)
		if err == nil {
			fmt.Fprint(os.Stderr, t.line(now.Sub(t.began)))
		}
		t.shown = now
	}
	return n, err
}

// line returns the progress as text, such as "export 45 % of 1.2 GiB, 35 MiB/s, 20s left".
func (t *transfer) line(elapsed time.Duration) string {
	rate := float64(t.read) / elapsed.Seconds()
	if t.size <= 0 || rate <= 0 {
		return fmt.Sprintf("%s %s, %s/s", t.what, inBytes(float64(t.read)), inBytes(rate))
	}
	left := time.Duration(float64(t.size-t.read) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s %d %% of %s, %s/s, %v left", t.what, t.read*100/t.size, inBytes(float64(t.size)), inBytes(rate), left)
}

// inBytes returns a number of bytes with a unit, such as "1.2 GiB".
func inBytes(n float64) string {
	unit := 0
	for n >= 1000 && unit < 4 {
		n /= 1024
		unit++
	}
	if n < 10 && unit > 0 {
		return fmt.Sprintf("%.1f %s", n, [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
	}
	return fmt.Sprintf("%.0f %s", n, [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
}
