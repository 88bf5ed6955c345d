package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/datadir"
	"github.com/seed-d051cf5a/beacon/internal/impatient"
	"github.com/seed-d051cf5a/beacon/internal/plainhttp"
	"github.com/seed-d051cf5a/beacon/internal/table/query"
)

const defaultListen = "127.0.0.1:8080"

// goMemory is the default of GOMEMLIMIT in bytes: above it the garbage collector runs more often. It
// is larger than the need of all connections under full load, because a limit below the need makes
// the garbage collector run all the time.
const goMemory = 64<<20 + mostConnections*12<<10

// drainTime is how long running requests may continue after the collector was asked to end.
const drainTime = 10 * time.Second

// serving are the options of beacon serve.
type serving struct {
	data     string
	collect  collect.Options
	listener listening
	table    tableOptions

	// The flags' text.
	batch, answer200, origins, proxies []string
	maxBody                            sizeFlag
}

func serveCommand() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Collect beacons: a 204 means on disk",
		Long: `Collect beacons. Every POST to a path outside /-/ is a beacon, and the path is its stream.
The answer 204 means that the beacon is on disk. The page at / shows the newest beacons.

The admin endpoints are below /-/: the other commands use them, and there are /-/healthz,
/-/readyz and /-/metrics (for Prometheus).`,
		Example: `  beacon serve
  beacon serve --listen :80 --data /var/lib/beacon --token "$(cat /etc/beacon.token)"
  beacon serve --listen :443 --tls-cert cert.pem --tls-key key.pem --origin 'https://*.shop.example'
  beacon serve --proxy 10.0.0.0/8 --address hash --opt-out anonymous --address-rate 20`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.collect.Logger = newLog(os.Stderr)
			if err := s.parse(); err != nil {
				return usageError{err}
			}
			if s.collect.Token == "" && cmd.Flags().Changed("token") {
				return usagef("--token is empty: write a token, or leave the flag out if only this machine may use the admin endpoints")
			}
			return serve(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.listener.address, "listen", defaultListen, "address and `port` to listen on")
	f.StringVar(&s.data, "data", datadir.Join("collector"), "`directory` for the beacons")
	f.StringVar(&s.collect.Token, "token", "", "the `secret` that requests to the live page and to /-/ must carry; without it they are open to this machine only")
	f.StringArrayVar(&s.batch, "batch", nil, "`stream` such as /events in whose beacons each member of a JSON array, or each line of JSON, becomes a row; may be repeated")
	f.StringArrayVar(&s.answer200, "answer-200", nil, "`stream` such as /e/ whose beacons get the answer 200 instead of 204, for trackers that require it; may be repeated")

	f.StringArrayVar(&s.origins, "origin", nil, "`pattern` of the origins whose pages may send here, such as https://*.shop.example; may be repeated; without it all pages may")
	s.maxBody = 1 << 20
	f.Var(&s.maxBody, "max-body", "the largest body of a beacon")
	f.Float64Var(&s.collect.AddressRate, "address-rate", 0, "`beacons` a second that one address (IPv6: one /64) may send on average; 0 is any number")
	f.Float64Var(&s.collect.OriginRate, "origin-rate", 0, "`beacons` a second that the pages of one origin may send on average; 0 is any number")
	f.IntVar(&s.listener.perAddress, "address-connections", 0, "`connections` that one address (IPv6: one /64) may have at a time, proxies excepted; 0 is any number")

	f.StringArrayVar(&s.proxies, "proxy", nil, "`address` or CIDR of a reverse proxy whose X-Forwarded-For or Forwarded names the client; may be repeated")
	f.BoolVar(&s.listener.proxyProtocol, "proxy-protocol", false, "accept the PROXY protocol, versions 1 and 2, from the proxies of --proxy")
	f.TextVar(&s.collect.Address, "address", collect.AddressTruncated, "how the client IP is stored: truncate (to /24 or /48), keep, drop, or hash with a salt that changes daily")
	f.TextVar(&s.collect.OptOut, "opt-out", collect.OptOutKeep, "how to treat a beacon with Sec-GPC or DNT: keep, anonymous or refuse")

	f.StringVar(&s.listener.certificate, "tls-cert", "", "PEM `file` of the certificate, for https; read again when it changes")
	f.StringVar(&s.listener.key, "tls-key", "", "PEM `file` of the certificate's key")

	s.table.flags(f)
	return cmd
}

// parse turns the flags' text into options, and returns an error for values that can't be used.
func (s *serving) parse() (err error) {
	for flag, streams := range map[string][]string{"batch": s.batch, "answer-200": s.answer200} {
		for _, stream := range streams {
			if !strings.HasPrefix(stream, "/") {
				return fmt.Errorf("--%s %q: a stream begins with /: write a path such as /events", flag, stream)
			}
		}
	}
	s.collect.Batch = func(stream string) bool { return slices.Contains(s.batch, stream) }
	s.collect.Answer200 = func(stream string) bool { return slices.Contains(s.answer200, stream) }
	if len(s.origins) > 0 {
		if s.collect.Origin, err = collect.Origins(s.origins...); err != nil {
			return fmt.Errorf("--origin: %w", err)
		}
	}
	for _, text := range s.proxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return fmt.Errorf("--proxy %q can't be read as an address: write 192.0.2.1, or 192.0.2.0/24", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		s.collect.Proxies = append(s.collect.Proxies, p)
	}
	s.listener.proxies = s.collect.Proxies
	switch {
	case s.listener.proxyProtocol && len(s.proxies) == 0:
		return errors.New("--proxy-protocol needs --proxy: name the addresses of the proxies, since any other client could claim a false IP")
	case (s.listener.certificate == "") != (s.listener.key == ""):
		return errors.New("--tls-cert and --tls-key need each other: set both")
	case s.maxBody > collect.MostBody:
		return fmt.Errorf("--max-body %v: %v is the most", &s.maxBody, inBytes(collect.MostBody))
	case !isRate(s.collect.AddressRate) || !isRate(s.collect.OriginRate):
		return errors.New("--address-rate and --origin-rate are beacons a second, such as 20 or 0.1; 0 is any number")
	case s.listener.perAddress < 0:
		return errors.New("--address-connections is a number of connections, such as 100; 0 is any number")
	}
	s.collect.MaxBody = int64(s.maxBody)
	return s.table.check()
}

// isRate reports whether f is a valid limit in beacons a second. The smallest is one beacon a day.
func isRate(f float64) bool { return f == 0 || f >= 1.0/(24*60*60) && f <= math.MaxInt32 }

func serve(ctx context.Context, s serving) error {
	keepPrivate()
	if os.Getenv("GOMAXPROCS") == "" {
		// One more P, so that a goroutine that is blocked in fsync does not idle a CPU: the runtime
		// takes its P away only after some time.
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	uuid.EnableRandPool() // saves a system call for each beacon's id
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(goMemory)
	}
	log := s.collect.Logger
	listener, err := s.listener.open(log)
	if err != nil {
		return err
	}
	defer listener.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), listener.conns)
	s.collect.Metrics = registry
	c, err := collect.Open(s.data, s.collect)
	if err != nil {
		return fmt.Errorf("open collector: %w", err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			log.Error("inbox could not be closed", "error", err)
		}
	}()
	t, err := openTable(ctx, s.data, c, s.table, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := t.Close(); err != nil {
			log.Error("table could not be closed", "error", err, "hint", "beacons of the inbox that the table lacks are added at the next start")
		}
	}()
	registry.MustRegister(tableMetrics{t})

	server := newServer(routes(c, t, registry), log)
	listener.conns.watch(server.Server)
	go listener.conns.endIdle(ctx)
	server.RegisterOnShutdown(c.Drain)

	s.greet(listener)
	ended := make(chan error, 1)
	go func() {
		if listener.secure { // the TLS handshake may choose HTTP/2, which plainhttp can't read
			ended <- server.Server.Serve(listener)
		} else {
			ended <- server.Serve(listener)
		}
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	soon, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := server.Shutdown(soon); err != nil {
		log.Warn("running requests are cut off", "after", drainTime)
		server.Close()
	}
	return nil
}

func newServer(handler http.Handler, log *slog.Logger) *plainhttp.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       -1, // connections.go closes idle connections: net/http's timers keep closed HTTP/2 connections in memory
		MaxHeaderBytes:    longHeader,
		ErrorLog:          serverLog(log),
		Protocols:         new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 16,
			// These buffers are in memory even if the handler reads nothing.
			MaxReadFrameSize: 16 << 10, MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10,
			WriteByteTimeout: impatient.Patience,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return &plainhttp.Server{Server: s}
}

// greet prints the URL and the folder.
func (s *serving) greet(l *listener) {
	url := l.scheme() + "://" + reachable(l.Addr().String())
	fmt.Printf("Beacon collects at %s/\n  data  %s\n  try   curl -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json' %s/hello\n", url, s.data, url)
	if s.collect.Token != "" {
		fmt.Printf("  page  %s/?token=YOUR-TOKEN\n", url)
	}
	if !query.Available {
		fmt.Println("  note  this build answers no SQL: build it with cgo and a C compiler (CGO_ENABLED=1), or read the files of 'beacon table files' with another program")
	}
}

// reachable returns an address that a browser can open: 127.0.0.1 in place of "all addresses".
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}
