package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/datadir"
	"github.com/seed-d051cf5a/beacon/internal/web"
)

const defaultListen = "127.0.0.1:8080"

func serveCommand() *cobra.Command {
	var listen, data, token string
	var batch []string
	var o engineOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Collect beacons: a 204 means on disk",
		Long: `Collect beacons. Every POST to a path outside /-/ is a beacon of the stream that the
path names; the answer 204 means that it is on disk. The page at / shows them live.`,
		Example: `  beacon serve
  beacon serve --listen :80 --data /var/lib/beacon --token "$(cat /etc/beacon.token)"`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(os.Stderr, nil))
			return serve(cmd.Context(), listen, data, token, batch, o, log)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "address and `port` to listen on")
	cmd.Flags().StringVar(&data, "data", datadir.Join("collector"), "`directory` for the beacons")
	cmd.Flags().StringVar(&token, "token", "", "what queries and the live page must carry; without it they are open on this machine only")
	cmd.Flags().StringArrayVar(&batch, "batch", nil, "`stream` such as /events whose JSON arrays and lines of JSON become a row for each member; may be repeated")
	o.flags(cmd.Flags())
	return cmd
}

func serve(ctx context.Context, listen, data, token string, batch []string, o engineOptions, log *slog.Logger) error {
	keepPrivate()
	listener, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program: stop it, or choose another port with --listen 127.0.0.1:8081", listen)
	}
	if err != nil {
		return fmt.Errorf("%w: write --listen as host:port, such as %s", err, defaultListen)
	}
	defer listener.Close()
	c, err := collect.Open(data, collect.Options{Token: token, Logger: log, Batch: func(stream string) bool {
		return slices.Contains(batch, stream)
	}})
	if err != nil {
		return fmt.Errorf("open collector: %w", err)
	}
	defer c.Close()
	engine, err := openEngine(ctx, data, c, o, log)
	if err != nil {
		return fmt.Errorf("%w\nIf the file is damaged, move it away: what is in the inbox goes into a new one", err)
	}
	defer engine.Close()

	server := &http.Server{
		Handler:           routes(c, engine),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}

	url := "http://" + reachable(listener.Addr().String())
	fmt.Printf("Beacon collects at %s/\n  data  %s\n  try   curl -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json' %s/hello\n", url, data, url)
	if token != "" {
		fmt.Printf("  page  %s/?token=YOUR-TOKEN\n", url)
	}
	if engine.missing != "" {
		fmt.Printf("  note  %s\n", engine.missing)
	}

	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// What has begun is finished; the live page's streams never end by themselves.
	soon, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(soon); err != nil {
		server.Close()
	}
	return nil
}

// routes is not an http.ServeMux, which would redirect a beacon whose path is not clean: a
// preflight may not be redirected, and a POST to any path is a beacon as it was sent.
func routes(c *collect.Collector, e *engine) http.Handler {
	page, query, export := web.Handler(), c.Operator(e.QueryHandler()), c.Operator(e.ExportHandler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch path := r.URL.EscapedPath(); {
		case get && (path == "/" || path == collect.Operators+"bye" || strings.HasPrefix(path, collect.Operators+"web/")):
			page.ServeHTTP(w, r)
		case path == collect.Operators+"query":
			query.ServeHTTP(w, r)
		case path == collect.Operators+"export" && ofTable(r.URL.Query().Get("format")):
			export.ServeHTTP(w, r)
		default:
			c.ServeHTTP(w, r)
		}
	})
}

// reachable is an address as a person can open it: listening on all of a machine's is
// also listening on its own.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}
