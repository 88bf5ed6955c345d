// Command service is an HTTP service that sends an audit event for everything that it
// does. An event is on disk, safe from a loss of power, before its request is answered.
//
//	go run ./examples/service & curl -X POST http://127.0.0.1:8090/transfer?amount=7
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

func main() {
	beacon.Start(beacon.Config{Durability: beacon.Power, Logger: slog.Default()})
	audit := auditor{
		url: env("AUDIT_URL", "http://127.0.0.1:8080/audit"),
		navigator: beacon.Navigator{
			Header:    http.Header{"X-Write-Key": {env("AUDIT_KEY", "none")}},
			UserAgent: "example-service/1.0",
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /transfer", func(w http.ResponseWriter, r *http.Request) {
		if !audit.event("transfer", r.URL.Query().Get("amount")) {
			// Without an audit trail there is no transfer.
			http.Error(w, "can't be audited now; try again later", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	server := &http.Server{Addr: env("LISTEN", "127.0.0.1:8090"), Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		<-ctx.Done()
		server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		slog.Error("service ended", "error", err)
		os.Exit(1)
	}
	<-finished // with the requests that had begun
}

type auditor struct {
	url       string
	navigator beacon.Navigator
}

// event says whether the event is kept.
func (a *auditor) event(what, detail string) bool {
	ok, err := a.navigator.SendBeacon(a.url, beacon.JSON(map[string]any{"event": what, "detail": detail, "at": time.Now()}))
	if err != nil {
		slog.Error("the audit URL or its header is wrong", "error", err)
	}
	return ok
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
