package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func sampleCommand() *cobra.Command {
	var c client
	duration := ageFlag(time.Hour)
	cmd := &cobra.Command{
		Use:   "sample [SHARE]",
		Short: "Lower the share of page views that the browser script sends, for a time",
		Long: `Lower the share of page views that the browser script sends, for a time.

Pages that are loaded from a minute later on use the new share, because browsers cache the script for
60 seconds. Pages that are already open keep their share. Each event has the column weight, which is
1/SHARE: sum it to count page views. With 0 pages send nothing. After the time of --for the share is 1
again; 'beacon sample 1' ends it earlier. Without SHARE the command prints the share.`,
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
			var s timedShare
			if err := json.NewDecoder(body).Decode(&s); err != nil {
				return fmt.Errorf("%s: the answer can't be read: %w", c.server, err)
			}
			if s.Until.IsZero() {
				fmt.Println("pages send all page views")
			} else {
				fmt.Printf("pages send %v of the page views until %s\n", s.Share, s.Until.Local().Format(timeFormat))
			}
			return nil
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().Var(&duration, "for", "how long a share below 1 lasts, such as 2h or 7d")
	return cmd
}

// sampleHandler answers `beacon sample`.
func sampleHandler(share *viewShare) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodPost:
			query := r.URL.Query()
			value, err := strconv.ParseFloat(query.Get("share"), 64)
			if err != nil {
				value = math.NaN()
			}
			duration, _ := time.ParseDuration(query.Get("for")) // 0 if it cannot be parsed: set refuses it for a share below 1
			if err := share.set(value, duration); err != nil {
				status := http.StatusInternalServerError
				if errors.Is(err, errShare) {
					status = http.StatusBadRequest
				}
				http.Error(w, err.Error(), status)
				return
			}
		default:
			w.Header().Set("Allow", "GET, POST")
			http.Error(w, "Ask with GET /-/sample, or POST /-/sample?share=0.1&for=2h", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(share.get())
	})
}
