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
	err := beacon.Start(beacon.Config{
		Durable: true, Logger: slog.Default(),
		Header: http.Header{"X-Write-Key": {env("AUDIT_KEY", "none")}, "User-Agent": {"example-service/1.0"}},
	})
	if err != nil {
		slog.Error("audit events can't be kept", "error", err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /transfer", func(w http.ResponseWriter, r *http.Request) {
		if err := audit("transfer", r.URL.Query().Get("amount")); err != nil {
			// A transfer needs its audit event.
			slog.Error("transfer refused", "error", err)
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

// audit returns nil when the event is kept.
func audit(what, detail string) error {
	return beacon.Send(env("AUDIT_URL", "http://127.0.0.1:8080/audit"), beacon.JSON(map[string]any{"event": what, "detail": detail, "at": time.Now()}))
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
