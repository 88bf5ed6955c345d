package main

import (
	"context"
	"io"
	"net/http"
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
	var panel panelQuery
	var format, zone string
	cmd := &cobra.Command{
		Use:   "query SQL",
		Short: "Ask the collector's table of beacons",
		Long: `Ask the collector's table. The SQL is DuckDB's, and can only read.

The table beacons has the columns id, received_at, sent_at, stream, query, origin, referrer,
user_agent, ip, content_type, kind, body, data (the body as JSON), error (why data is missing), bot
(true or false), browser, os, device, visitor, country (two letters, with serve --geoip), bot_reason
(agent, referrer or network; NULL for a person), those of the browser script's events
(docs/script.md), and those of serve --column.

With --panel in place of SQL it prints a panel of the dashboard, which answers a question about the
pages with the browser script, such as which pages were seen, where visitors came from, or what broke.

field(data, 'name') is a field of data, and so is data->>'name'. In a condition the arrow needs
brackets: field(data, 'name') = 'x' and (data->>'name') = 'x' are the same.

Times are in UTC, or in the zone of --timezone. In the format table a single value is printed
without a header, for scripts.`,
		Example: `  beacon query "select stream, count(*) from beacons group by stream"
  beacon query --format csv "select received_at, data->>'version' as version from beacons"
  beacon query --panel pages --from 30d --site https://shop.example`,
		Args: func(cmd *cobra.Command, args []string) error {
			if panel.panel != "" {
				return exactly(0, "no SQL beside --panel")(cmd, args)
			}
			return exactly(1, "one SQL statement, in quotes, or --panel")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if panel.panel == "" && strings.TrimSpace(args[0]) == "" {
				return usagef("the SQL is empty: try \"select * from beacons\"")
			}
			p, err := newPrinter(format, os.Stdout)
			if err != nil {
				return err
			}
			done := showProgress("query", time.Second)
			defer done()
			letJustSentArrive(cmd.Context())
			var body io.ReadCloser
			if panel.panel != "" {
				page, values := panel.request(zone)
				body, err = c.get(cmd.Context(), page, values)
			} else {
				// Not in the URL, which can't be as long.
				body, _, err = c.do(cmd.Context(), http.MethodPost, "query", url.Values{"zone": {zone}}, strings.NewReader(args[0]))
			}
			done()
			if err != nil {
				return err
			}
			defer body.Close()
			return printRows(p, body)
		},
	}
	c.flags(cmd.Flags())
	panel.flags(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", "table", "table, json or csv")
	cmd.Flags().StringVar(&zone, "timezone", "", "the `zone` in which times are shown and days begin, such as Europe/Berlin; the default is UTC, and with --panel that of serve --timezone")
	return cmd
}

// letJustSentArrive waits, at most two seconds, until the outbox has delivered the beacons of the
// last two seconds: `beacon send` returns before its beacon is delivered.
func letJustSentArrive(ctx context.Context) {
	const moments = 2 * time.Second
	outbox, err := beacon.OutboxDir()
	if err != nil {
		return // nothing is sent
	}
	for began := time.Now(); ctx.Err() == nil && time.Since(began) < moments; time.Sleep(5 * time.Millisecond) {
		s, err := spool.ReadStatus(outbox)
		if err != nil || s.Pending == 0 || time.Since(s.Newest) > moments {
			return
		}
	}
}
