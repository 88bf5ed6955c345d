package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func exportCommand() *cobra.Command {
	var c client
	var format string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the collector's beacons to standard output: Parquet, CSV, JSON or WARC",
		Long: `Write the collector's beacons to standard output.

parquet, csv and json are the rows of the table at that moment. csv has the names of the columns
in the first line, json has an object a line. In both a body that is not UTF-8 is an object
{"base64": "..."}.

warc are the records of the inbox, each of which is a request as it was received. The inbox has
all records that are not in the table yet, and those of the table up to the size of serve's
--max-inbox. 'beacon import' reads them.

If an export fails, the status is 1, and the part that was written is removed from the output file.`,
		Example: `  beacon export --format parquet > beacons.parquet
  beacon export --format json | jq .data
  beacon export > beacons.warc`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			switch format {
			case formatWARC:
			case "parquet", "csv", "json":
				query.Set("format", format)
			default:
				return usagef("--format %q: choose parquet, csv, json or warc", format)
			}
			if isTerminal(os.Stdout) && (format == formatWARC || format == "parquet") {
				return usagef("%[1]s is not text for a terminal: write it to a file, as in 'beacon export --format %[1]s > beacons.%[1]s'", format)
			}
			done := showProgress("export", time.Second)
			defer done()
			body, size, err := c.do(cmd.Context(), http.MethodGet, "export", query, nil)
			done()
			if err != nil {
				return err
			}
			defer body.Close()
			return whole(os.Stdout, func(w io.Writer) error {
				_, err := io.Copy(w, showTransfer("export", body, size))
				return err
			})
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", formatWARC, "parquet, csv, json or warc")
	return cmd
}

const formatWARC = "warc"

// ofTable reports whether an export in this format reads the table, not the inbox.
func ofTable(format string) bool { return format != "" && format != formatWARC }

// whole writes to f and truncates f to its former size if the write fails, because a part of an
// export looks like a complete one.
func whole(f *os.File, write func(io.Writer) error) error {
	begin := int64(-1)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		begin = info.Size()
	}
	err := write(f)
	if err == nil {
		return nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the connection to the collector ended early: try again")
	}
	err = fmt.Errorf("export: %w", err)
	if begin >= 0 {
		return errors.Join(err, f.Truncate(begin))
	}
	return err
}
