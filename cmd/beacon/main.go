// The beacon command is both ends of the Beacon API: it sends beacons, collects them, and
// shows them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon"
)

func main() {
	// Only who sends needs a deliverer, and a deliverer is this program without arguments.
	if len(os.Args) < 2 || os.Args[1] == "send" || os.Args[1] == "run" {
		beacon.Start()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	os.Exit(report(err))
}

const (
	exitFailed = 1
	exitUsage  = 2
)

// A usageError is a call that would be wrong at any time.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported is a failure that the person has been told of.
var errReported = errors.New("reported")

func report(err error) (status int) {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintf(os.Stderr, "beacon: %v\nTry 'beacon --help'.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(os.Stderr, "beacon: %v\n", err)
		return exitFailed
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "beacon",
		Short: "Send beacons that leave even when the sender is gone, and collect them",
		Long: `Send beacons that leave even when the sender is gone, and collect them.

A beacon is what navigator.sendBeacon sends: a POST that expects no response.
Every flag can also be set in the environment: --listen is BEACON_LISTEN, and one that may
be repeated has spaces between its values.`,
		Example: `  beacon serve
  beacon send http://127.0.0.1:8080/deploys '{"version":"1.2.3"}'
  beacon query "select data->>'version' from beacons where stream='/deploys'"`,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flagsFromEnvironment(cmd) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(), sendCommand(), runCommand(), outboxCommand(), deliverCommand(), queryCommand(), tailCommand(), exportCommand(), importCommand(), manCommand())
	return root
}

// version is that of the module, where the build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// flagsFromEnvironment gives every flag that was not given its BEACON_… twin.
func flagsFromEnvironment(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "BEACON_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		v := os.Getenv(name)
		if v == "" || f.Changed {
			return
		}
		values := []string{v}
		if _, many := f.Value.(pflag.SliceValue); many {
			values = strings.Fields(v)
		}
		for _, one := range values {
			if setErr := cmd.Flags().Set(f.Name, one); setErr != nil && err == nil {
				err = usagef("%s=%q: %w", name, v, setErr)
			}
		}
	})
	return err
}

// exactly and between say what is missing in words.
func exactly(n int, what string) cobra.PositionalArgs { return between(n, n, what) }

func between(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usagef("%s takes %s, and was given %d arguments", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}
