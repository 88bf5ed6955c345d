package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

func tableCommand() *cobra.Command {
	var from *logTable
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Make a table of a log, or list, check and merge the Parquet files of a table",
		Long: `With --from, make a table of a Kafka topic that collectors with serve --log write, and answer
queries and the dashboard as serve does. It takes no beacons itself. With --to as well, the table is
in ClickHouse, which answers the queries: nothing is kept on this disk.

The subcommands list, check and merge the Parquet files of the table of a running 'beacon serve' or
'beacon table --from'. Any program that reads Parquet can read the files meanwhile: a file never
changes, and one that is replaced stays for ten minutes.`,
		Example: `  beacon table --from kafka://b1,b2,b3/beacons --listen 127.0.0.1:8081
  beacon table --from kafka://b1,b2,b3/beacons --to clickhouse://beacon@ch1/analytics --to-password-file /etc/beacon/clickhouse
  beacon table files
  duckdb -c "select stream, count(*) from read_parquet([$(beacon table files | sed "s/.*/'&'/" | paste -sd,)]) group by stream"`,
		Args: exactly(0, "--from, or files, check or compact"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case from.from.url == "" && from.to.url != "":
				return usagef("--to needs --from: name the log whose beacons go there")
			case from.from.url == "":
				return usagef("say files, check or compact, or name a log with --from")
			case from.to.url != "":
				return from.runClickHouse(cmd.Context(), cmd.Flags())
			}
			return from.run(cmd.Context())
		},
	}
	from = fromLog(cmd)
	cmd.AddCommand(tableFilesCommand(), tableCheckCommand(), tableCompactCommand())
	return cmd
}

func tableFilesCommand() *cobra.Command {
	var c client
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "files",
		Short: "Print the path of each file, with all beacons that were acknowledged",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			last, err := c.table(cmd.Context(), http.MethodGet, "files", nil)
			if err != nil {
				return err
			}
			sayGaps(os.Stderr, ending{Missing: gapsOf(last.Lost)})
			for _, f := range last.Files {
				if !asJSON {
					fmt.Println(f.Path)
				} else if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each file as a line of JSON, with rows, bytes, checksum and times")
	return cmd
}

func tableCheckCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare every file with its checksum, and say what the inbox can rebuild",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			last, err := c.table(cmd.Context(), http.MethodPost, "check", nil)
			if err != nil {
				return err
			}
			fmt.Printf("%d rows in %s are as they were written\n", last.Check.Rows, inFiles(last.Check.Files))
			for _, g := range last.Check.Damaged {
				fmt.Printf("%s is damaged (%s): %d rows from %s to %s are missing\n", g.Name, g.Reason, g.Rows, g.First.Format(timeFormat), g.Last.Format(timeFormat))
				switch {
				case g.Rebuildable:
					fmt.Println("  the inbox has them")
				case g.InboxFrom.IsZero():
					fmt.Println("  the inbox is empty: import an export or a backup, if there is one")
				default:
					fmt.Printf("  the inbox has those that arrived or were imported from %s on; for the others import an export or a backup\n", g.InboxFrom.Format(timeFormat))
				}
			}
			if len(last.Check.Damaged) == 0 {
				return nil
			}
			fmt.Println("to add what the inbox has: beacon export > inbox.warc && beacon import inbox.warc")
			fmt.Println("answers name a damaged file until you delete it from the folder table/damaged and check again")
			return errReported
		},
	}
	c.flags(cmd.Flags())
	return cmd
}

func inFiles(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

func tableCompactCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Merge the files that can be merged now, which the collector also does by itself",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			last, err := c.table(cmd.Context(), http.MethodPost, "compact", nil)
			if err != nil {
				return err
			}
			fmt.Printf("%d rows in %s were written anew\n", *last.Rows, inFiles(int(last.Done)))
			return nil
		},
	}
	c.flags(cmd.Flags())
	return cmd
}

func eraseCommand() *cobra.Command {
	var c client
	var yes bool
	cmd := &cobra.Command{
		Use:   "erase CONDITION",
		Short: "Delete the beacons that a condition chooses, from the table and from the inbox",
		Long: `Delete the beacons that a condition chooses. The condition is SQL, as after WHERE.

Without --yes, erase prints how many rows it would delete. With --yes it deletes them from the
table's files, and it deletes the segments of the inbox that have them: an export as WARC then
has none of the beacons of those segments. The list of the newest beacons (live page, tail) starts
empty. An import does not bring the erased beacons back.`,
		Example: `  beacon erase "ip = '203.0.113.0'"
  beacon erase "(data->>'user') = '4711'" --yes`,
		Args: exactly(1, "one condition, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			method := http.MethodGet
			if yes {
				method = http.MethodPost
			}
			last, err := c.table(cmd.Context(), method, "erase", url.Values{"condition": args})
			if err != nil {
				return fmt.Errorf("the condition %s: %w", args[0], err)
			}
			for _, d := range last.Lost {
				fmt.Fprintf(os.Stderr, "beacon: rows of %s, which is damaged, were not looked at: delete it from the folder table/damaged, or rebuild it (beacon table check) and erase again\n", d.Name)
			}
			if yes {
				fmt.Printf("erased rows: %d\n", *last.Rows)
			} else {
				fmt.Printf("rows that would be erased: %d; add --yes to do it\n", *last.Rows)
			}
			return nil
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().BoolVar(&yes, "yes", false, "erase them, instead of only counting them")
	return cmd
}

// table asks for something below /-/table/, shows its progress, and returns the last line.
func (c *client) table(ctx context.Context, method, what string, query url.Values) (last tableLine, err error) {
	body, _, err := c.do(ctx, method, "table/"+what, query, nil)
	if err != nil {
		return last, err
	}
	defer body.Close()
	terminal := isTerminal(os.Stderr)
	for lines := json.NewDecoder(body); ; {
		var line tableLine
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return last, fmt.Errorf("%s: the answer ended early: %w", what, err)
		}
		if last = line; terminal && line.Done > 0 {
			fmt.Fprintf(os.Stderr, "%s%s: %d files", clearLine, what, line.Done)
			if line.Of > 0 {
				fmt.Fprintf(os.Stderr, " of %d", line.Of)
			}
		}
	}
	if terminal {
		fmt.Fprint(os.Stderr, clearLine)
	}
	if last.Error != "" {
		return last, fmt.Errorf("%s: %s", what, last.Error)
	}
	return last, nil
}
