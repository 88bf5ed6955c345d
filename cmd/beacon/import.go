package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
that the table has already does not become a second row, so importing a file again is safe.
"-" is standard input. The file can be of any program, uncompressed or with gzip or zstd. Records
of other types are skipped, those that --opt-out refuses, and requests to admin endpoints (/-/).

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
	case i.follow:
		return i.followLog(ctx, name, site)
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
	shown := showTransfer("import", file, size)
	if !i.accessLog {
		result, err := i.send(ctx, shown)
		if err != nil {
			return err
		}
		return result.say(os.Stdout, name, notAgain)
	}
	log, err := accesslog.NewReader(shown, site, false)
	if err != nil {
		return fmt.Errorf("import: %s: %w", name, err)
	}
	result, err := i.send(ctx, log)
	if err != nil {
		return err
	}
	result.addLines(log, accesslog.Counts{})
	return result.say(os.Stdout, name, notAgain)
}

const (
	followEvery = time.Second // the time between two looks at a log
	followBatch = 1 << 20     // bytes of records that are posted together
	followRetry = 30 * time.Second
)

// followLog posts the records of an access log in batches until ctx is done. A batch that the collector can't take is
// posted again.
func (i *importing) followLog(ctx context.Context, name string, site *url.URL) error {
	file, err := accesslog.Open(name)
	if err != nil {
		return usageError{err}
	}
	defer file.Close()
	log, err := accesslog.NewReader(file, site, true)
	if err != nil {
		return fmt.Errorf("import: %s: %w", name, err)
	}
	for {
		before := log.Counts
		var batch []byte
		record, err := log.Next()
		for ; err == nil; record, err = log.Next() {
			if batch = append(batch, record...); len(batch) >= followBatch {
				break
			}
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("import: %s: %w", name, err)
		}
		result, err := i.sendUntilTaken(ctx, batch)
		if err != nil {
			return nil // ctx is done
		}
		if log.Lines > before.Lines {
			result.addLines(log, before)
			log.Reason = nil
			if err := result.say(os.Stdout, name, ""); err != nil {
				fmt.Fprintln(os.Stderr, "beacon:", err)
			}
		}
		if len(batch) < followBatch && !sleep(ctx, followEvery) {
			return nil
		}
	}
}

// sendUntilTaken posts records until the collector has stored them. It returns an error only if ctx is done.
func (i *importing) sendUntilTaken(ctx context.Context, records []byte) (result imported, err error) {
	if len(records) == 0 {
		return result, nil
	}
	for pause := followEvery; ; pause = min(2*pause, followRetry) {
		result, err = i.send(ctx, bytes.NewReader(records))
		if err == nil && result.Error != "" {
			err = errors.New(result.Error)
		}
		if err == nil {
			return result, nil
		}
		if ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "beacon: %v; next try in %v\n", err, pause)
		}
		if !sleep(ctx, pause) {
			return result, ctx.Err()
		}
	}
}

// sleep returns false if ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// imported is the collector's result. Imported counts the records that the collector stored, also those that the table
// has already.
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

// addLines adds the lines of a log that are not records, since before.
func (result *imported) addLines(log *accesslog.Reader, before accesslog.Counts) {
	result.Skipped += log.Skipped - before.Skipped
	result.Damaged += log.Damaged - before.Damaged
	if log.Reason != nil && result.Reason == "" {
		result.Reason = log.Reason.Error()
	}
}

// notAgain follows the result of a whole file. The table looks later for the records that it has already, so their
// number is not known.
const notAgain = "; records that the table has already are not added again"

// say prints the result and a note. Its error is about a file that was not imported as a whole.
func (result *imported) say(w io.Writer, name, note string) error {
	fmt.Fprintf(w, "%d accepted, %d skipped, %d damaged%s\n", result.Imported, result.Skipped, result.Damaged, note)
	switch {
	case result.Error != "":
		return fmt.Errorf("import: %s; the requests that are accepted stay: correct that, and import the file again", result.Error)
	case result.Damaged > 0:
		return fmt.Errorf("import: %s is damaged, first %s; all else is accepted: if you have a whole copy, import that too", name, result.Reason)
	}
	return nil
}
