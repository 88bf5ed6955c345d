package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func exportCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the collector's records to standard output, as WARC",
		Long: `Write the records that the collector's inbox holds to standard output, as one WARC
file: each is the request as it came. The inbox keeps what is not in the table yet, and
1 GiB of what is. For what is in the table use 'beacon query --format json' or csv.`,
		Example: `  beacon export > beacons.warc`,
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if isTerminal(os.Stdout) {
				return usagef("records are not for a terminal: write them to a file, as in 'beacon export > beacons.warc'")
			}
			body, err := c.get(cmd.Context(), "export", nil)
			if err != nil {
				return err
			}
			defer body.Close()
			if _, err := io.Copy(os.Stdout, body); err != nil {
				return fmt.Errorf("export: %w", err)
			}
			return nil
		},
	}
	c.flags(cmd.Flags())
	return cmd
}
