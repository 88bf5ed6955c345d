package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon/cmd/internal/script"
)

func sampleCommand() *cobra.Command {
	var c client
	duration := ageFlag(time.Hour)
	cmd := &cobra.Command{
		Use:   "sample [SHARE]",
		Short: "Lower the share of page views that the browser script sends, for a time",
		Long: `Lower the share of page views that the browser script sends, for a time.

Pages know of it within a minute, because browsers ask for the script again after that time. Events
have the weight 1/SHARE, by which queries multiply. With 0 pages send nothing. The share is 1 again
after the time of --for, or with 'beacon sample 1'. Without SHARE it prints the share.`,
		Example: `  beacon sample 0.1 --for 2h
  beacon sample 1`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			method, query := http.MethodGet, url.Values{}
			if len(args) == 1 {
				method = http.MethodPost
				query.Set("share", args[0])
				query.Set("for", time.Duration(duration).String())
			}
			body, _, err := c.do(cmd.Context(), method, "sample", query, nil)
			if err != nil {
				return err
			}
			defer body.Close()
			var limit script.Limit
			if err := json.NewDecoder(body).Decode(&limit); err != nil {
				return fmt.Errorf("%s: the answer can't be read: %w", c.server, err)
			}
			if limit.Until.IsZero() {
				fmt.Println("pages send all page views")
			} else {
				fmt.Printf("pages send %v of the page views until %s\n", limit.Share, limit.Until.Local().Format(timeFormat))
			}
			return nil
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().Var(&duration, "for", "how long a share below 1 lasts, such as 2h or 7d")
	return cmd
}

// sampleHandler answers `beacon sample`: GET /-/sample, and POST /-/sample?share=0.1&for=2h.
func sampleHandler(share *script.Share) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := share.Limit()
		if r.Method == http.MethodPost {
			query := r.URL.Query()
			value, err := strconv.ParseFloat(query.Get("share"), 64)
			if err != nil {
				http.Error(w, "share of page views: it is a number from 0 to 1, such as 0.1", http.StatusBadRequest)
				return
			}
			duration, _ := time.ParseDuration(query.Get("for"))
			if limit, err = share.Set(value, duration); err != nil {
				status := http.StatusInternalServerError
				if errors.Is(err, script.ErrLimit) {
					status = http.StatusBadRequest
				}
				http.Error(w, err.Error(), status)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(limit)
	})
}
