package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon/cmd/internal/dashboard"
	"github.com/seed-d051cf5a/beacon/cmd/internal/httpserver"
	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/cmd/internal/script"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/datadir"
)

// A logTable are the options of beacon table --from.
type logTable struct {
	serving
	from       logOptions
	partitions string
	to         clickhouseOptions
}

const defaultTableListen = "127.0.0.1:8081"

// fromLog adds the flags of --from to the command table.
func fromLog(cmd *cobra.Command) *logTable {
	var s logTable
	f := cmd.Flags()
	s.from.flags(f, "from", "`URL` of a Kafka topic that collectors with serve --log write, such as kafka://b1,b2,b3/beacons: make a table of it, and answer queries and the dashboard as serve does")
	s.to.flags(f)
	f.StringVar(&s.partitions, "partitions", "", "`partitions` of the topic to read, such as 0-7; the default is all")
	f.StringVar(&s.listener.address, "listen", defaultTableListen, "address and `port` to listen on")
	data, _ := datadir.Join("table")
	f.StringVar(&s.data, "data", data, "`directory` for the table")
	f.StringVar(&s.tokenFile, "token-file", "", "`file` whose first line is the operators' token, unless BEACON_TOKEN has it; the default is operator-token in the data folder, which the first start makes")
	f.StringVar(&s.listener.certificate, "tls-cert", "", "PEM `file` of the certificate, for https; read again when it changes")
	f.StringVar(&s.listener.key, "tls-key", "", "PEM `file` of the certificate's key")
	f.StringVar(&s.scriptPath, "script", script.DefaultPath, "`path` of the browser script at the collectors, whose events the dashboard shows")
	s.memory = defaultMemory
	f.Var(&s.memory, "memory", "the memory of this process; queries have their own, see --query-memory")
	s.board.flags(f)
	s.table.flags(f)
	s.table.maxInbox = 0 // the log has them
	f.Lookup("max-inbox").DefValue = "0 bytes"
	s.ship.ack, s.maxBody, s.visitors, s.listener.acme.Directory = ackInbox, 1<<20, true, httpserver.ACMEDirectory
	return &s
}

// check turns the flags' text into options.
func (s *logTable) check() (partitions []int32, err error) {
	s.collect.Logger = newLog(os.Stderr)
	if err := s.from.check("from", s.collect.Logger); err != nil {
		return nil, err
	}
	if partitions, err = parsePartitions(s.partitions); err != nil {
		return nil, err
	}
	return partitions, s.parse()
}

// run makes the table until ctx is done.
func (s *logTable) run(ctx context.Context) error {
	partitions, err := s.check()
	if err != nil {
		return usageError{err}
	}
	keepPrivate()
	s.limitMemory()
	log := s.collect.Logger
	listener, err := s.listener.open(log)
	if err != nil {
		return err
	}
	defer listener.Close()
	c, err := s.openCollector()
	if err != nil {
		return err
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
	reader, err := readLog(s.data, s.from.kafka, partitions, c.Inbox(), t.table.Status().Rows > 0, log)
	if err != nil {
		return err
	}
	reader.erase = t.eraseIDs
	t.announce = func(ctx context.Context, ids []uuid.UUID) error {
		host, _ := os.Hostname()
		return kafka.Erase(ctx, s.from.kafka, host, ids)
	}
	go s.from.checkLog(ctx, 0, log)

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), tableMetrics{t}, logMetrics{reader})
	board := newBoard(&s.board, t, s.script.Stream(), s.data, log)
	t.forgetAnswers = board.Forget
	if query.Available {
		go board.Prepare(ctx)
	}
	at := site{collector: c, script: s.script, share: openViewShare(s.data, log), metrics: registry, topic: s.from.kafka.Topic}
	at.withTable(t, board.Page(s.script.Path(), reader.facts), panelHandler(board, t, &s.board, s.script.Stream()))
	server := s.newServer(listener.handler(routes(at), nil, c.IsPixel, log), c.Imports)
	registry.MustRegister(server)
	s.greetTable(listener)

	return serveWhile(ctx, listener, server, reader.run, c.Drain)
}

// serveWhile serves and runs work, until ctx is done or one of them fails. Then it calls drain, and lets running requests
// end.
func serveWhile(ctx context.Context, l *listener, server *httpserver.Server, work func(context.Context) error, drain func()) (err error) {
	served, worked := make(chan error, 1), make(chan error, 1)
	go func() { served <- l.serve(server) }()
	working, stop := context.WithCancel(ctx)
	defer stop()
	go func() { worked <- work(working) }()
	select {
	case err = <-served:
		err = fmt.Errorf("serve: %w", err)
		stop()
		<-worked
	case err = <-worked:
		if errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	drain()
	soon, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if server.Shutdown(soon) != nil {
		server.Close()
	}
	return err
}

func (s *logTable) greetTable(l *listener) {
	at := l.url(nil)
	login := (&url.URL{Path: collect.Operators + "login", Fragment: s.collect.Token}).String()
	fmt.Printf("Beacon makes a table of %s at %s/\n  data  %s\n  page  %s%s\n", s.from.url, at, s.data, at, login)
}

// facts are what the dashboard shows of the log.
func (r *logReader) facts() []dashboard.Fact {
	lag := r.follower.Lag()
	return []dashboard.Fact{
		{Label: "records of the log that are not read yet", Value: fmt.Sprint(lag.Records)},
		{Label: "behind the log", Value: lag.Time.Round(time.Second).String()},
	}
}

// noBeacons answers requests that a collector would take as beacons.
func noBeacons(topic string, admin http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.EscapedPath(); {
		case path == collect.Operators+"import":
			http.Error(w, fmt.Sprintf("This table has the beacons of the topic %s alone: import into a collector, which copies them to the topic.", topic), http.StatusConflict)
		case strings.HasPrefix(path, collect.Operators):
			admin.ServeHTTP(w, r)
		default:
			http.Error(w, fmt.Sprintf("This is a table of the topic %s: send beacons to a collector.", topic), http.StatusNotFound)
		}
	})
}
