package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

func importCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Put the requests of a WARC file into the collector",
		Long: `Put the requests of a WARC file into the collector, as if they had just been sent but with
the ids and dates that they have. So a request that the collector has already is no second
row, and importing a file again is safe. "-" is standard input. The file may be gzip'ed, and
from any program; records that are no requests are skipped, and those that --opt-out refuses.`,
		Example: `  beacon import beacons.warc
  beacon export --server http://old:8080 | beacon import -`,
		Args: exactly(1, "one WARC file, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, size := os.Stdin, int64(-1)
			if args[0] != "-" {
				var err error
				if file, err = os.Open(args[0]); err != nil {
					return usageError{err}
				}
				defer file.Close()
			}
			if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
				size = info.Size()
			}
			answer, _, err := c.do(cmd.Context(), http.MethodPost, "import", nil, showTransfer("import", file, size))
			if err != nil {
				return err
			}
			defer answer.Close()
			return sayImported(os.Stdout, args[0], answer)
		},
	}
	c.flags(cmd.Flags())
	return cmd
}

// sayImported prints what the collector says became of the file. Its error is for a file
// that is not wholly imported.
func sayImported(w io.Writer, name string, answer io.Reader) error {
	var result struct {
		Imported, Skipped, Damaged int64
		Reason, Error              string
	}
	if err := json.NewDecoder(answer).Decode(&result); err != nil {
		return fmt.Errorf("import: the collector's answer ended early, so import the file again: %w", err)
	}
	fmt.Fprintf(w, "%d imported, %d skipped, %d damaged\n", result.Imported, result.Skipped, result.Damaged)
	switch {
	case result.Error != "":
		return fmt.Errorf("import: %s; what is imported stays: mend that, and import the file again", result.Error)
	case result.Damaged > 0:
		return fmt.Errorf("import: %s is damaged, first %s; all else is imported: if you have a whole copy, import that too", name, result.Reason)
	}
	return nil
}
