package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"

	"github.com/seed-d051cf5a/beacon/cmd/internal/bots"
	"github.com/seed-d051cf5a/beacon/cmd/internal/geoip"
	"github.com/seed-d051cf5a/beacon/cmd/internal/httpserver"
	"github.com/seed-d051cf5a/beacon/cmd/internal/script"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/datadir"
)

const defaultListen = "127.0.0.1:8080"

// Parts of --memory, in bytes.
const (
	defaultMemory = 512 << 20
	minMemory     = 192 << 20
	// restMemory is for all but connections: beacons on their way to disk, the table's writer, the live view.
	restMemory = 128 << 20
	// outsideMemory is what the process takes besides Go's heap and stacks: the executable and its libraries.
	outsideMemory = 64 << 20
)

// drainTime is how long running requests may continue after the collector was asked to end.
const drainTime = 10 * time.Second

// serving are the options of beacon serve.
type serving struct {
	data     string
	collect  collect.Options
	memory   sizeFlag
	listener listening
	table    tableOptions
	board    dashboardOptions
	ship     shipOptions
	script   *script.Script

	// The flags' text.
	batch, get, noGet, answers, origins, proxies, bots []string
	maxBody                                            sizeFlag
	scriptPath                                         string
	visitors                                           switchFlag
	tokenFile, geoip                                   string
}

func serveCommand() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Collect beacons: a 204 means on disk",
		Long: `Collect beacons. Every POST to a path outside /-/ is a beacon, and the path is its stream.
The answer 204 means that the beacon is on disk. The page at / is a dashboard of the
sites with the browser script, and the page at /-/live shows the newest beacons.

The admin endpoints are below /-/: the live page and the other commands use them. They need the
operators' token. The URL that serve prints logs a browser in, because it has the token: keep it
private. The commands read the token from the data folder, from BEACON_TOKEN or from --token-file.
/-/healthz, /-/readyz and /-/metrics (for Prometheus) need no token on this machine.`,
		Example: `  beacon serve
  beacon serve --listen :80 --data /var/lib/beacon --token-file /etc/beacon.token
  beacon serve --listen :443 --tls-cert cert.pem --tls-key key.pem --origin 'https://*.shop.example'
  beacon serve --proxy 10.0.0.0/8 --address hash --opt-out anonymous --address-rate 20`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.collect.Logger = newLog(os.Stderr)
			if s.ship.url != "" && !s.ship.table && !cmd.Flags().Changed("max-inbox") {
				s.table.maxInbox = 0 // the log has them
			}
			if err := s.parse(); err != nil {
				return usageError{err}
			}
			if _, temporary := datadir.Join("collector"); temporary && s.data == defaultData() && os.Getenv("BEACON_DATA") == "" {
				s.collect.Logger.Warn("this user has no home of its own, so the beacons are in a folder for temporary files", "folder", s.data, "hint", "name another folder with --data")
			}
			return serve(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.listener.address, "listen", defaultListen, "address and `port` to listen on")
	data, _ := datadir.Join("collector")
	f.StringVar(&s.data, "data", data, "`directory` for the beacons")
	f.StringVar(&s.tokenFile, "token-file", "", "`file` whose first line is the operators' token, unless BEACON_TOKEN has it; the default is operator-token in the data folder, which the first start makes")
	f.StringArrayVar(&s.batch, "batch", nil, "`stream` such as /events or /track/* in whose beacons each member of a JSON array, or each line of JSON, becomes a row; may be repeated")
	f.StringArrayVar(&s.get, "get", nil, "`stream` such as /track whose GETs are all beacons; may be repeated; of other streams those for pictures are")
	f.StringArrayVar(&s.noGet, "no-get", nil, "`stream` such as /config/* whose GETs are never beacons; may be repeated")
	f.StringArrayVar(&s.answers, "answer", nil, "`answer` to the beacons of a stream in place of 204: STREAM=SENDER for one of "+strings.Join(slices.Sorted(maps.Keys(senderAnswers)), ", ")+"; or STREAM=STATUS [CONTENT-TYPE] [BODY or @FILE]; may be repeated")

	f.StringVar(&s.scriptPath, "script", script.DefaultPath, "`path` of the browser script, which sends page views to the stream of that path without .js; the script is at "+script.Alias+" too")
	f.StringArrayVar(&s.origins, "origin", nil, "`pattern` of the origins whose pages may send here, such as https://*.shop.example; may be repeated; without it all pages may")
	s.maxBody = 1 << 20
	f.Var(&s.maxBody, "max-body", "the largest body of a beacon")
	f.Float64Var(&s.collect.AddressRate, "address-rate", 0, "`beacons` a second that one address (IPv6: one /64) may send on average; 0 is any number")
	f.Float64Var(&s.collect.OriginRate, "origin-rate", 0, "`beacons` a second that the pages of one origin may send on average; 0 is any number")
	s.memory = defaultMemory
	f.Var(&s.memory, "memory", "the memory of this process; queries have their own, see --query-memory")
	f.IntVar(&s.listener.perAddress, "address-connections", 0, "`connections` that one address (IPv6: one /64) may have at a time, proxies excepted; 0 is any number")

	f.StringArrayVar(&s.proxies, "proxy", nil, "`address` or CIDR of a reverse proxy whose X-Forwarded-For or Forwarded names the client; may be repeated")
	f.BoolVar(&s.listener.proxyProtocol, "proxy-protocol", false, "accept the PROXY protocol, versions 1 and 2, from the proxies of --proxy")
	f.TextVar(&s.collect.Address, "address", collect.AddressTruncated, "how the client IP is stored: truncate (to /24 or /48), keep, drop, or hash with a salt that changes daily")
	s.visitors = true
	f.Var(&s.visitors, "visitors", "whether a visitor of a site has an id until midnight UTC, a hash of IP, user agent and origin: on or off")
	f.StringVar(&s.geoip, "geoip", "", "MaxMind DB `file` of countries, such as GeoLite2-Country.mmdb, for the column country; read again when it changes. The country comes from the whole client IP, also with --address drop")
	f.StringArrayVar(&s.bots, "bots", nil, "`file` of rules for the columns bot and bot_reason: a line is 'agent WORD', 'referrer HOST' or 'network CIDR'; may be repeated")
	f.TextVar(&s.collect.Referrer, "referer", collect.ReferrerPath, "how much of the URL in Referer, Ping-From and Ping-To is stored: path (without the query), origin or full")
	f.StringArrayVar(&s.collect.KeepHeader, "keep-header", nil, "`name` of a further header that is stored; may be repeated")
	f.TextVar(&s.collect.OptOut, "opt-out", collect.OptOutKeep, "how to treat a beacon with Sec-GPC or DNT: keep, anonymous or refuse")

	f.StringVar(&s.listener.certificate, "tls-cert", "", "PEM `file` of the certificate, for https; read again when it changes")
	f.StringVar(&s.listener.key, "tls-key", "", "PEM `file` of the certificate's key")
	f.StringArrayVar(&s.listener.acme.Domains, "acme", nil, "`domain` for https whose certificate comes from a CA by ACME; may be repeated")
	f.StringVar(&s.listener.acme.Email, "acme-email", "", "`address` for notices of the CA")
	f.StringVar(&s.listener.acme.Directory, "acme-directory", httpserver.ACMEDirectory, "`URL` of the CA's directory; the default is Let's Encrypt, whose terms --acme accepts")
	f.StringVar(&s.listener.http, "listen-http", "", "address and `port` for plain http beside https: redirects pages, refuses beacons, proves domains to the CA")
	f.BoolVar(&s.listener.httpBeacons, "http-beacons", false, "take beacons on --listen-http too")

	s.board.flags(f)
	s.table.flags(f)
	s.ship.flags(f)
	return cmd
}

// parse turns the flags' text into options, and returns an error for values that can't be used.
func (s *serving) parse() (err error) {
	for _, x := range []struct {
		flag     string
		patterns []string
		to       *func(string) bool
	}{{"batch", s.batch, &s.collect.Batch}, {"get", s.get, &s.collect.Get}, {"no-get", s.noGet, &s.collect.NoGet}} {
		if len(x.patterns) > 0 {
			if *x.to, err = collect.Paths(x.patterns...); err != nil {
				return fmt.Errorf("--%s %w", x.flag, err)
			}
		}
	}
	if s.collect.Answer, err = parseAnswers(s.answers); err != nil {
		return err
	}
	if s.script, err = script.New(s.scriptPath); err != nil {
		return fmt.Errorf("--script: %w", err)
	}
	s.table.script = s.script.Stream()
	if err := s.parseClients(); err != nil {
		return err
	}
	for _, name := range s.collect.KeepHeader {
		switch name = http.CanonicalHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("--keep-header %q: write the name of a header, such as X-GitHub-Event", name)
		case slices.Contains(collect.NeverStored(), name):
			return fmt.Errorf("--keep-header %s: a sender's credentials are never stored", name)
		}
	}
	if len(s.origins) > 0 {
		if s.collect.Origin, err = collect.Origins(s.origins...); err != nil {
			return fmt.Errorf("--origin: %w", err)
		}
	}
	for _, text := range s.proxies {
		p, err := parseProxy(text)
		if err != nil {
			return err
		}
		s.collect.Proxies = append(s.collect.Proxies, p)
	}
	switch {
	case s.listener.proxyProtocol && len(s.proxies) == 0:
		return errors.New("--proxy-protocol needs --proxy: name the addresses of the proxies, since any other client could claim a false IP")
	case (s.listener.certificate == "") != (s.listener.key == ""):
		return errors.New("--tls-cert and --tls-key need each other: set both")
	case s.listener.certificate != "" && len(s.listener.acme.Domains) > 0:
		return errors.New("--acme and --tls-cert are two sources of a certificate: choose one")
	case len(s.listener.acme.Domains) == 0 && (s.listener.acme.Email != "" || s.listener.acme.Directory != httpserver.ACMEDirectory):
		return errors.New("--acme-email and --acme-directory need --acme: name the domain")
	case s.listener.http != "" && s.listener.certificate == "" && len(s.listener.acme.Domains) == 0:
		return errors.New("--listen-http is for plain http beside https: set --tls-cert or --acme too, or use --listen alone")
	case s.listener.httpBeacons && s.listener.http == "":
		return errors.New("--http-beacons needs --listen-http: set its address, such as :80")
	case s.memory < minMemory:
		return fmt.Errorf("--memory %v: %v is the least", &s.memory, inBytes(minMemory))
	case s.maxBody > collect.MostBody:
		return fmt.Errorf("--max-body %v: %v is the most", &s.maxBody, inBytes(collect.MostBody))
	case s.listener.address == "":
		return fmt.Errorf("--listen is empty: write it as host:port, such as %s, or :8080 for all addresses", defaultListen)
	case s.data == "":
		return errors.New("--data is empty: name a folder, or leave the flag out")
	case !isRate(s.collect.AddressRate) || !isRate(s.collect.OriginRate):
		return errors.New("--address-rate and --origin-rate are beacons a second, such as 20 or 0.1; 0 is any number")
	case s.listener.perAddress < 0:
		return errors.New("--address-connections is a number of connections, such as 100; 0 is any number")
	}
	s.collect.MaxBody = int64(s.maxBody)
	s.collect.Visitors = bool(s.visitors)
	if err := s.board.check(); err != nil {
		return err
	}
	if err := s.ship.check(s.collect.Logger); err != nil {
		return err
	}
	s.listener.acme.Dir = filepath.Join(s.data, "acme")
	return s.table.check()
}

// parseClients reads the files of --geoip and --bots.
func (s *serving) parseClients() error {
	if s.geoip != "" {
		countries, err := geoip.Open(s.geoip, s.collect.Logger)
		if err != nil {
			return fmt.Errorf("--geoip: %w: download a file of countries in the MaxMind DB format, such as GeoLite2-Country.mmdb, and name it", err)
		}
		s.collect.Country = countries.Country
	}
	rules := bots.New(s.script.Stream())
	for _, file := range s.bots {
		if err := rules.Add(file); err != nil {
			return fmt.Errorf("--bots: %w", err)
		}
	}
	s.collect.Bot = rules.Reason
	return nil
}

// parseProxy parses an address or CIDR. An IPv4 address in the form of IPv6 is that of IPv4, as clients'
// addresses are compared so.
func parseProxy(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if a, notAddress := netip.ParseAddr(text); notAddress == nil {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err == nil && p.Addr().Is4In6() {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if err == nil && p.Bits() == 0 {
		return p, fmt.Errorf("--proxy %q trusts every client, which can then claim any IP: name the addresses of the proxies", text)
	}
	if err != nil || !p.IsValid() {
		return p, fmt.Errorf("--proxy %q can't be read as an address: write 192.0.2.1, or 192.0.2.0/24", text)
	}
	return p, nil
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
	s.limitMemory()
	log := s.collect.Logger
	listener, err := s.listener.open(log)
	if err != nil {
		return err
	}
	defer listener.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.collect.Spread = s.ship.url != "" && !s.ship.sticky
	if s.ship.url != "" && (s.collect.Visitors || s.collect.Address == collect.AddressHashed) {
		s.collect.Salt = shareSalts(ctx, &s.ship)
	}
	c, err := s.openCollector()
	if err != nil {
		return err
	}
	defer func() {
		if err := c.Close(); err != nil {
			log.Error("inbox could not be closed", "error", err)
		}
	}()
	registry.MustRegister(collectMetrics{c})
	share := openViewShare(s.data, log)
	s.script.Share = func() float64 { return share.get().Share }
	site := site{collector: c, script: s.script, share: share, metrics: registry}
	var announce func(context.Context, []uuid.UUID) error
	if s.ship.url != "" {
		shipping, err := ship(ctx, s.data, c, &s.ship, s.collect.MaxBody, log)
		if err != nil {
			return err
		}
		defer shipping.Close(log)
		registry.MustRegister(shipMetrics{shipping})
		announce = shipping.erase
		if !s.ship.table {
			go shipping.upkeep(ctx, int64(s.table.maxInbox), time.Duration(s.table.maxAge), log)
			site.noTable(s.ship.kafka.Topic)
		}
	}
	if s.ship.url == "" || s.ship.table {
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
		t.announce = announce
		board := newBoard(&s.board, t, s.script.Stream(), s.data, log)
		t.forgetAnswers = board.Forget
		if query.Available {
			go board.Prepare(ctx)
		}
		site.withTable(t, board.Page(s.script.Path(), facts(c)), panelHandler(board, t, &s.board, s.script.Stream()))
	}
	var beacons http.Handler
	if s.listener.httpBeacons {
		beacons = c
	}
	server := s.newServer(listener.handler(routes(site), beacons, c.IsPixel, log), c.Imports)
	registry.MustRegister(server)

	s.greet(listener)
	ended := make(chan error, 1)
	go func() { ended <- listener.serve(server) }()
	select {
	case err := <-ended:
		server.Close()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	c.Drain()
	soon, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := server.Shutdown(soon); err != nil {
		log.Warn("running requests are cut off", "after", drainTime)
		server.Close()
	}
	return nil
}

// limitMemory has Go's heap stay within --memory.
func (s *serving) limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(s.memory) - outsideMemory)
	}
}

// openCollector opens the inbox and the admin endpoints of the data folder. The first time it makes the operators' token.
func (s *serving) openCollector() (*collect.Collector, error) {
	if err := checkOwner(s.data); err != nil {
		return nil, err
	}
	operators, err := serveToken(s.tokenFile, s.data, s.collect.Logger)
	if err != nil {
		return nil, err
	}
	s.collect.Token = operators.text
	c, err := collect.Open(s.data, s.collect)
	if err != nil {
		return nil, fmt.Errorf("open collector: %w", err)
	}
	if operators.isNew {
		if err := operators.save(s.data); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func (s *serving) newServer(handler http.Handler, attended func(*http.Request) bool) *httpserver.Server {
	return httpserver.New(httpserver.Options{
		Handler:       handler,
		Memory:        (int64(s.memory) - restMemory) / 2, // the garbage collector needs as much again
		PerAddress:    s.listener.perAddress,
		Proxies:       s.collect.Proxies,
		ProxyProtocol: s.listener.proxyProtocol,
		Attended:      attended,
		Logger:        s.collect.Logger,
	})
}

// greet prints the URL, the folder, and the URL that logs a browser in. The token is in its fragment,
// which a browser sends to no server.
func (s *serving) greet(l *listener) {
	at := l.url(s.listener.acme.Domains)
	login := (&url.URL{Path: collect.Operators + "login", Fragment: s.collect.Token}).String()
	fmt.Printf("Beacon collects at %s/\n  data  %s\n  page  %s%s\n  try   curl -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json' %s/hello\n", at, s.data, at, login, at)
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
