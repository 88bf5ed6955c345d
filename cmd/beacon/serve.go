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
)

const defaultListen = "127.0.0.1:8080"

// goMemory is how many bytes of memory, the engine's aside, make the collector's garbage be
// collected earlier than it would be; GOMEMLIMIT says otherwise. It is over what all connections
// and full load need: the collections would never end where they don't help.
const goMemory = 64<<20 + mostConnections*12<<10

// drainTime is how long requests that have begun may go on when the collector ends.
const drainTime = 10 * time.Second

// A serving is a call of beacon serve.
type serving struct {
	data     string
	collect  collect.Options
	listener listening
	engine   engineOptions

	// As they were written.
	batch, answer200, origins, proxies []string
	maxBody                            sizeFlag
}

func serveCommand() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Collect beacons: a 204 means on disk",
		Long: `Collect beacons. Every POST to a path outside /-/ is a beacon of the stream that the
path names; the answer 204 means that it is on disk. The page at / shows them live.

For operators there are /-/healthz, /-/readyz and /-/metrics (for Prometheus), beside what
the other commands ask.`,
		Example: `  beacon serve
  beacon serve --listen :80 --data /var/lib/beacon --token "$(cat /etc/beacon.token)"
  beacon serve --listen :443 --tls-cert cert.pem --tls-key key.pem --origin 'https://*.shop.example'
  beacon serve --proxy 10.0.0.0/8 --address hash --opt-out anonymous --address-rate 20`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.collect.Logger = newLog(os.Stderr)
			if err := s.settle(); err != nil {
				return usageError{err}
			}
			if s.collect.Token == "" && cmd.Flags().Changed("token") {
				return usagef("--token is empty: write one, or leave it out where only this machine may ask")
			}
			return serve(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.listener.address, "listen", defaultListen, "address and `port` to listen on")
	f.StringVar(&s.data, "data", datadir.Join("collector"), "`directory` for the beacons")
	f.StringVar(&s.collect.Token, "token", "", "what queries and the live page must carry; without it they are open on this machine only")
	f.StringArrayVar(&s.batch, "batch", nil, "`stream` such as /events whose JSON arrays and lines of JSON become a row for each member; may be repeated")
	f.StringArrayVar(&s.answer200, "answer-200", nil, "`stream` such as /e/ whose beacons are answered 200 instead of 204, for trackers that take nothing else; may be repeated")

	f.StringArrayVar(&s.origins, "origin", nil, "`pattern` of the origins whose pages may send here, such as https://*.shop.example; may be repeated; all may without it")
	s.maxBody = 1 << 20
	f.Var(&s.maxBody, "max-body", "the largest body of a beacon")
	f.Float64Var(&s.collect.AddressRate, "address-rate", 0, "`beacons` a second that one address (of IPv6, one /64) may send on average; 0 is any number")
	f.Float64Var(&s.collect.OriginRate, "origin-rate", 0, "`beacons` a second that the pages of one origin may send on average; 0 is any number")
	f.IntVar(&s.listener.perAddress, "address-connections", 0, "`connections` that one address (of IPv6, one /64) may have at a time, proxies aside; 0 is any number")

	f.StringArrayVar(&s.proxies, "proxy", nil, "`address` or CIDR of a reverse proxy that is trusted to say, in X-Forwarded-For or Forwarded, who is behind it; may be repeated")
	f.BoolVar(&s.listener.proxyProtocol, "proxy-protocol", false, "take the PROXY protocol, version 1 and 2, from those proxies")
	f.TextVar(&s.collect.Address, "address", collect.AddressTruncated, "what is kept of the sender's address: truncate (/24, /48), keep, drop, or hash with a salt that changes daily")
	f.TextVar(&s.collect.OptOut, "opt-out", collect.OptOutKeep, "a beacon with Sec-GPC or DNT: keep, anonymous or refuse")

	f.StringVar(&s.listener.certificate, "tls-cert", "", "PEM `file` of the certificate, for https; read again when it changes")
	f.StringVar(&s.listener.key, "tls-key", "", "PEM `file` of its key")

	s.engine.flags(f)
	return cmd
}

// settle makes of the flags what they say.
func (s *serving) settle() (err error) {
	for flag, streams := range map[string][]string{"batch": s.batch, "answer-200": s.answer200} {
		for _, stream := range streams {
			if !strings.HasPrefix(stream, "/") {
				return fmt.Errorf("--%s %q is no stream: write its path, such as /events", flag, stream)
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
				return fmt.Errorf("--proxy %q is no address: write 192.0.2.1, or 192.0.2.0/24", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		s.collect.Proxies = append(s.collect.Proxies, p)
	}
	s.listener.proxies = s.collect.Proxies
	switch {
	case s.listener.proxyProtocol && len(s.proxies) == 0:
		return errors.New("--proxy-protocol without --proxy would believe anybody: say with --proxy who the proxies are")
	case (s.listener.certificate == "") != (s.listener.key == ""):
		return errors.New("--tls-cert and --tls-key go together: give both")
	case s.maxBody > collect.MostBody:
		return fmt.Errorf("--max-body %v: %v is the most", &s.maxBody, inBytes(collect.MostBody))
	case !isRate(s.collect.AddressRate) || !isRate(s.collect.OriginRate):
		return errors.New("--address-rate and --origin-rate are beacons a second, such as 20 or 0.1; 0 is any number")
	case s.listener.perAddress < 0:
		return errors.New("--address-connections is a number of connections, such as 100; 0 is any number")
	case s.engine.queryTimeout <= 0:
		return errors.New("--query-timeout is a time, such as 30s or 5m")
	}
	s.collect.MaxBody = int64(s.maxBody)
	return nil
}

// isRate says whether so many beacons a second can be a bound: one in a day is the least.
func isRate(f float64) bool { return f == 0 || f >= 1.0/(24*60*60) && f <= math.MaxInt32 }

func serve(ctx context.Context, s serving) error {
	keepPrivate()
	if os.Getenv("GOMAXPROCS") == "" {
		// Who waits for the disk has a processor of its own: the runtime is slow to notice
		// that it could be used meanwhile.
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	uuid.EnableRandPool() // an id for each beacon is a call of the kernel otherwise
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
			log.Error("the inbox was not closed as it should be", "error", err)
		}
	}()
	engine, err := openEngine(ctx, s.data, c, s.engine, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := engine.Close(); err != nil {
			log.Error("the table was not closed as it should be; what it misses of the inbox comes at the next start", "error", err)
		}
	}()
	registry.MustRegister(engine.metrics()...)

	server := newServer(routes(c, engine, registry), log)
	listener.conns.watch(server.Server)
	go listener.conns.endIdle(ctx)
	server.RegisterOnShutdown(c.Drain)

	s.greet(listener, engine)
	ended := make(chan error, 1)
	go func() {
		if listener.secure { // requests come after a handshake, which may agree on HTTP/2
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
		log.Warn("requests were still under way at the end and have no answer", "after", drainTime)
		server.Close()
	}
	return nil
}

func newServer(handler http.Handler, log *slog.Logger) *plainhttp.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       -1, // what idles is ended in connections.go: net/http's timers would hold on to connections of HTTP/2 that are gone
		MaxHeaderBytes:    longHeader,
		ErrorLog:          serverLog(log),
		Protocols:         new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 16,
			// So much of a connection is in memory whatever a handler reads of it.
			MaxReadFrameSize: 16 << 10, MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10,
			WriteByteTimeout: impatient.Patience,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return &plainhttp.Server{Server: s}
}

// greet says where everything is.
func (s *serving) greet(l *listener, e *engine) {
	url := l.scheme() + "://" + reachable(l.Addr().String())
	fmt.Printf("Beacon collects at %s/\n  data  %s\n  try   curl -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json' %s/hello\n", url, s.data, url)
	if s.collect.Token != "" {
		fmt.Printf("  page  %s/?token=YOUR-TOKEN\n", url)
	}
	if e.missing != "" {
		fmt.Printf("  note  %s\n", e.missing)
	}
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
