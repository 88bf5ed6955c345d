// The beacon command sends beacons, collects them in a server, and queries them.
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

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/convert"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
)

func main() {
	// A collector starts this executable to answer a query, or to read a table of an earlier version.
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case query.Role:
			query.Main()
		case convert.Role:
			convert.Main()
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	cmd, err := command().ExecuteContextC(ctx)
	stop()
	os.Exit(report(cmd, err))
}

const (
	exitFailed = 1
	exitUsage  = 2
)

// A usageError is an error in the arguments or flags.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported is a failure whose message is printed already.
var errReported = errors.New("reported")

// report prints the error of a command and returns the exit status.
func report(cmd *cobra.Command, err error) (status int) {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintf(os.Stderr, "beacon: %v\nTry '%s --help'.\n", err, cmd.CommandPath())
		return exitUsage
	default:
		// The package's errors begin as the command's.
		fmt.Fprintf(os.Stderr, "beacon: %s\n", strings.TrimPrefix(err.Error(), "beacon: "))
		return exitFailed
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "beacon",
		Short: "Send beacons that are delivered even if the sender ends, and collect them",
		Long: `Send beacons that are delivered even if the sender ends, and collect them.

A beacon is a POST that expects no response, as navigator.sendBeacon sends it.
Every flag can also be set in the environment: --listen is BEACON_LISTEN. The values of a
flag that may be repeated are separated by spaces there.`,
		Example: `  beacon serve
  beacon send http://127.0.0.1:8080/deploys '{"version":"1.2.3"}'
  beacon query "select data->>'version' from beacons where stream='/deploys'"`,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flagsFromEnvironment(cmd) },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(serveCommand(), sendCommand(), runCommand(), outboxCommand(), deliverCommand(), queryCommand(), tailCommand(), exportCommand(), importCommand(), tableCommand(), eraseCommand(), sampleCommand(), manCommand())
	return root
}

// flagError is the error for flags that can't be parsed.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedName() == "token" && cmd.Flags().Lookup("token-file") != nil {
		return usagef("--token is not a flag, because other users can see it in the output of ps: set BEACON_TOKEN, or name a file that has the token with --token-file")
	}
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		switch kind := value.GetFlag().Value.Type(); kind {
		case "float64", "int", "int64", "uint64":
			return usagef("--%s %q is not a number", value.GetFlag().Name, value.GetValue())
		case "duration":
			return usagef("--%s %q is not a duration: write it like 30s, 5m or 2h", value.GetFlag().Name, value.GetValue())
		}
	}
	return usageError{err}
}

// version returns the module's version if the build recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// flagsFromEnvironment sets every flag that is not in the arguments from its BEACON_… variable.
func flagsFromEnvironment(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "BEACON_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		v := os.Getenv(name)
		if v == "" || f.Changed || f.Name == "outbox" { // the package reads BEACON_OUTBOX
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

// exactly accepts n arguments. what describes them in the error.
func exactly(n int, what string) cobra.PositionalArgs { return between(n, n, what) }

// between accepts least to most arguments. what describes them in the error.
func between(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usagef("%s takes %s: it got %d arguments", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}
