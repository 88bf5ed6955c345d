package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon/cmd/internal/accesslog"
)

// importing are the options of beacon import.
type importing struct {
	client
	accessLog, follow bool
	site              string
}

func importCommand() *cobra.Command {
	var i importing
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Put the requests of a WARC file, or of an access log, into the collector",
		Long: `Put the requests of a WARC file into the collector, with their own ids and dates. A request
that the collector has already does not become a second row, so importing a file again is safe.
"-" is standard input. The file can be of any program, uncompressed or with gzip or zstd. Records
of other types are skipped, and those that --opt-out refuses.

With --access-log the file is an access log of a web server in the combined format, also with
gzip: each GET that was answered with 2xx or 304 becomes a beacon, and the collector's rules for
addresses and referrers apply.`,
		Example: `  beacon import beacons.warc.gz
  beacon export --server http://old:8080 | beacon import -
  beacon import --access-log --site https://shop.example /var/log/nginx/access.log
  beacon import --access-log --follow /var/log/nginx/access.log`,
		Args: exactly(1, "one WARC file or access log, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error { return i.run(cmd.Context(), args[0]) },
	}
	i.flags(cmd.Flags())
	cmd.Flags().BoolVar(&i.accessLog, "access-log", false, "the file is an access log in the combined format")
	cmd.Flags().BoolVar(&i.follow, "follow", false, "with --access-log, go on with what is appended, also when the log is rotated, until Ctrl-C")
	cmd.Flags().StringVar(&i.site, "site", "http://localhost", "with --access-log, `URL` of the site, as the log does not have it")
	return cmd
}

func (i *importing) run(ctx context.Context, name string) error {
	site, err := url.Parse(i.site)
	switch {
	case i.follow && (!i.accessLog || name == "-"):
		return usagef("--follow needs --access-log and the name of a file")
	case err != nil || site.Host == "" || site.Scheme != "http" && site.Scheme != "https":
		return usagef("--site %q: write the URL of the site, such as https://shop.example", i.site)
	case i.accessLog:
		return i.importLog(ctx, name, site)
	}
	file, size := os.Stdin, int64(-1)
	if name != "-" {
		if file, err = os.Open(name); err != nil {
			return usageError{err}
		}
		defer file.Close()
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	result, err := i.send(ctx, showTransfer("import", file, size))
	if err != nil {
		return err
	}
	return result.say(os.Stdout, name)
}

// importLog imports an access log, and with --follow what is appended to it later.
func (i *importing) importLog(ctx context.Context, name string, site *url.URL) error {
	from := io.Reader(showTransfer("import", os.Stdin, -1))
	if name != "-" {
		file, err := accesslog.Open(name)
		if err != nil {
			return usageError{err}
		}
		defer file.Close()
		from = showTransfer("import", file, file.Size())
		if i.follow {
			from = file
		}
	}
	log, err := accesslog.NewReader(from, site)
	if err != nil {
		return fmt.Errorf("import: %s: %w", name, err)
	}
	for {
		before := *log
		var result imported
		body := bufio.NewReader(log)
		if _, err = body.Peek(1); err == io.EOF { // nothing new
			err = nil
		} else {
			result, err = i.send(ctx, body)
		}
		if err == nil && !i.follow {
			log.Flush()
			var last imported
			last, err = i.send(ctx, log)
			result.Imported += last.Imported
		}
		if err != nil {
			return err
		}
		result.Skipped += log.Skipped - before.Skipped
		if result.Damaged += log.Damaged - before.Damaged; log.Reason != nil && result.Reason == "" {
			result.Reason = log.Reason.Error()
		}
		if log.Lines > before.Lines || !i.follow {
			if err := result.say(os.Stdout, name); !i.follow {
				return err
			} else if err != nil {
				fmt.Fprintln(os.Stderr, "beacon:", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// followEvery is the time between two looks at a log.
const followEvery = time.Second

// imported is the collector's result.
type imported struct {
	Imported, Skipped, Damaged int64
	Reason, Error              string
}

// send posts a WARC file.
func (i *importing) send(ctx context.Context, file io.Reader) (result imported, err error) {
	answer, _, err := i.do(ctx, http.MethodPost, "import", nil, file)
	if err != nil {
		return result, err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(&result); err != nil {
		return result, fmt.Errorf("import: the collector's answer ended early, so import the file again: %w", err)
	}
	return result, nil
}

// say prints the result. Its error is about a file that was not imported as a whole.
func (result *imported) say(w io.Writer, name string) error {
	fmt.Fprintf(w, "%d imported, %d skipped, %d damaged\n", result.Imported, result.Skipped, result.Damaged)
	switch {
	case result.Error != "":
		return fmt.Errorf("import: %s; the requests that are imported stay: correct that, and import the file again", result.Error)
	case result.Damaged > 0:
		return fmt.Errorf("import: %s is damaged, first %s; all else is imported: if you have a whole copy, import that too", name, result.Reason)
	}
	return nil
}
