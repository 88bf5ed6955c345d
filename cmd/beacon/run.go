package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
)

// runMemory is how much memory the scripts of a page may take.
const runMemory = 1 << 30

func runCommand() *cobra.Command {
	var address string
	var timeout time.Duration
	var verbose bool
	cmd := &cobra.Command{
		Use:   "run SCRIPT…",
		Short: "Run scripts as a page, which unloads when they are done",
		Long: `Run JavaScript as a page that has a URL and navigator.sendBeacon. When the scripts, and
the timers and fetches that they began, are done, or --timeout is over, the page
unloads: pagehide, visibilitychange, unload. Its beacons are delivered afterwards; a
fetch with keepalive and what fetchLater kept are waited for, for 30s at most.

SCRIPT is a file, or - for standard input. console.warn and console.error, and
exceptions that nothing caught, go to standard error.

Status 0: no script failed. 1: one threw, or had to be ended; what it had sent by then is
sent. 2: the call is wrong.`,
		Example: `  beacon run --url https://shop.example/ app.js
  echo 'navigator.sendBeacon("http://127.0.0.1:8080/x", "hi")' | beacon run -`,
		Args: between(1, 1<<20, "at least one SCRIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var scripts []string
			for _, name := range args {
				source, err := readScript(name)
				if err != nil {
					return err
				}
				scripts = append(scripts, source)
			}
			if timeout <= 0 {
				return usageError{fmt.Errorf("--timeout is %v: a page needs some time to live", timeout)}
			}
			beacon.Start() // if the outbox can't be used, each beacon is logged as not queued
			agent := navigator.NewAgent(navigator.Config{Logger: slog.New(plainLog{})})
			o := page.Options{URL: address, Navigator: &navigator.Navigator{Agent: agent}, Console: printConsole, Timeout: timeout, Memory: runMemory}
			sent := 0
			if verbose {
				o.Sent = func(url string, bytes int, queued bool) {
					if queued {
						sent++
						fmt.Fprintf(os.Stderr, "beacon: queued %d bytes to %s\n", bytes, url)
					} else {
						fmt.Fprintf(os.Stderr, "beacon: not queued: %d bytes to %s\n", bytes, url)
					}
				}
			}
			before, _ := beacon.Default().Status() // none yet is all zero
			p, err := page.New(o)
			if err != nil {
				return usageError{err}
			}
			err = runPage(cmd.Context(), p, args, scripts, timeout)
			if sent > 0 {
				sayFate(agent, before, sent)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&address, "url", "about:blank", "the page's `URL`: its origin, and the base of relative URLs")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how `long` the page lives at most")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "say what becomes of each beacon")
	return cmd
}

// runPage gives the page its life. What goes wrong the console has printed.
func runPage(ctx context.Context, p *page.Page, names, scripts []string, timeout time.Duration) error {
	live, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("--timeout of %v is over", timeout))
	defer cancel()
	var failed error
	for i, source := range scripts {
		err := p.Run(live, names[i], source)
		if errors.Is(err, page.ErrStuck) {
			return err // the end of this process is the end of the page
		}
		failed = errors.Join(failed, err)
	}
	failed = errors.Join(failed, p.Load(live))
	if err := p.Wait(live); err != nil && live.Err() == nil {
		failed = errors.Join(failed, err)
	}
	// A page has its end even when its time is over. Its handlers get the same time.
	end, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), min(timeout, time.Hour)+30*time.Second, errors.New("its end took too long"))
	defer cancel()
	failed = errors.Join(failed, p.Close(end))
	if failed != nil {
		return errReported
	}
	return nil
}

// sayFate waits a little for the servers' answers.
func sayFate(agent *navigator.Agent, before beacon.Status, sent int) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	waiting := agent.Flush(ctx)
	after, err := beacon.Default().Status()
	switch refused := after.Refused - before.Refused; {
	case err != nil:
	case refused > 0:
		fmt.Fprintf(os.Stderr, "beacon: a server refused %d: 'beacon outbox' shows what to do\n", refused)
	case waiting != nil:
		fmt.Fprintln(os.Stderr, "beacon: not all are delivered yet; they go on being tried")
	default:
		fmt.Fprintf(os.Stderr, "beacon: %d delivered\n", sent)
	}
}

func printConsole(level, message string) {
	to := os.Stdout
	if level == "warn" || level == "error" {
		to = os.Stderr
	}
	fmt.Fprintln(to, message)
}

func readScript(name string) (string, error) {
	if name == "-" {
		source, err := io.ReadAll(os.Stdin)
		return string(source), err
	}
	source, err := os.ReadFile(name)
	if err != nil {
		return "", usageError{err}
	}
	return string(source), nil
}
