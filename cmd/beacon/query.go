package main

import (
	"context"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func queryCommand() *cobra.Command {
	var c client
	var format string
	cmd := &cobra.Command{
		Use:   "query SQL",
		Short: "Ask the collector's table of beacons",
		Long: `Ask the collector's table. The SQL is DuckDB's, and can only read.

Table beacons: id, received_at, sent_at, stream, query, origin, referrer, user_agent, ip,
content_type, kind, body, data (JSON, decoded from the body), error (why not),
bot (whether the user agent says that it is one).

A field of data is data->>'name'; in a condition it needs brackets: (data->>'name') = 'x'.
In the format table a single value is printed bare, for scripts.`,
		Example: `  beacon query "select stream, count(*) from beacons group by stream"
  beacon query --format csv "select received_at, data->>'version' as version from beacons"`,
		Args: exactly(1, "one SQL statement, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(args[0]) == "" {
				return usagef("the SQL is empty: try \"select * from beacons\"")
			}
			p, err := newPrinter(format, os.Stdout)
			if err != nil {
				return err
			}
			done := showProgress("query", time.Second)
			defer done()
			letJustSentArrive(cmd.Context())
			body, err := c.get(cmd.Context(), "query", url.Values{"sql": args})
			done()
			if err != nil {
				return err
			}
			defer body.Close()
			return printRows(p, body)
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", "table", "table, json or csv")
	return cmd
}

// letJustSentArrive waits for what this user sent in the last moments: `beacon send` has
// returned before its beacon has left.
func letJustSentArrive(ctx context.Context) {
	const moments = 2 * time.Second
	for began := time.Now(); ctx.Err() == nil && time.Since(began) < moments; time.Sleep(5 * time.Millisecond) {
		s, err := spool.ReadStatus(beacon.DefaultOutbox())
		if err != nil || s.Pending == 0 || time.Since(s.Newest) > moments {
			return
		}
	}
}
