//go:build unix

package loss

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:embed page.html
var pageHTML string

// A site serves the pages, and a receiver of another origin gets their events.
type site struct {
	t     *testing.T
	pages *httptest.Server
	url   string // of the pages

	mu      sync.Mutex
	issued  map[string]bool // ids of pages
	arrived map[string]int  // whole bodies, by the page's key
	flights map[string]int  // pending requests that have arrived, by id
	unknown []string        // paths of events that no page sent
}

// settings are what a page reads.
type settings struct {
	ID       string `json:"id"`
	Strategy string `json:"strategy"`
	To       string `json:"to"`      // the receiver's origin
	Answer   int    `json:"answer"`  // milliseconds until the receiver answers
	Flights  int    `json:"flights"` // keepalive requests of 20 KiB that are pending
	Padding  int    `json:"padding"` // bytes of the event's body beside its key
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, issued: map[string]bool{}, arrived: map[string]int{}, flights: map[string]int{}}
	page := template.Must(template.New("page.html").Parse(pageHTML))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
		var set settings
		if err := json.Unmarshal([]byte(r.FormValue("settings")), &set); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		set.ID = strconv.Itoa(len(s.issued))
		s.issued[set.ID] = true
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "no-cache") // no-store would keep the page out of the back/forward cache
		page.Execute(w, set)
	})
	mux.HandleFunc("GET /elsewhere", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>elsewhere</title>")
	})
	s.pages = httptest.NewServer(mux)
	t.Cleanup(s.pages.Close)
	s.url = strings.Replace(s.pages.URL, "127.0.0.1", "localhost", 1)
	return s
}

// A receiver is a server for events, which can go down and come back at the same address.
type receiver struct {
	s       *site
	address string
	server  *http.Server
}

func (s *site) newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{s: s}
	var err error
	for range 20 {
		// The system gives ports above these to connections, which would take the port of a receiver
		// that is down.
		r.address = "127.0.0.1:" + strconv.Itoa(20000+rand.IntN(10000))
		if err = r.start(); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.server.Close() })
	return r
}

func (r *receiver) start() error {
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		return err
	}
	r.address = l.Addr().String()
	r.server = &http.Server{Handler: r.s}
	go r.server.Serve(l)
	return nil
}

// stop closes the listener and all connections.
func (r *receiver) stop() { r.server.Close() }

// restart starts the receiver again. Its port may be in use for a moment.
func (r *receiver) restart(t *testing.T) {
	var err error
	for range 20 {
		if err = r.start(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("start the receiver again: %v", err)
}

// flightAnswer is how long the receiver takes to answer a request that is to be pending.
const flightAnswer = 3 * time.Second

// ServeHTTP is the receiver's handler. An event counts when its whole body has arrived.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	w.Header().Set("Access-Control-Allow-Headers", "content-type")
	pause, _ := strconv.Atoi(r.URL.Query().Get("answer"))
	if r.Method == http.MethodPost {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if id, ok := strings.CutPrefix(r.URL.Path, "/flight/"); ok {
			s.mu.Lock()
			s.flights[id]++
			s.mu.Unlock()
			pause = int(flightAnswer.Milliseconds())
		} else {
			s.arrive(strings.TrimPrefix(r.URL.Path, "/event/"), text)
		}
	}
	time.Sleep(time.Duration(pause) * time.Millisecond)
	w.WriteHeader(http.StatusNoContent)
}

// arrive counts an event if a page sent it.
func (s *site) arrive(key string, body []byte) {
	var sent struct{ Key string }
	err := json.Unmarshal(body, &sent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, _, _ := strings.Cut(key, "."); err != nil || sent.Key != key || !s.issued[id] {
		s.unknown = append(s.unknown, key)
		return
	}
	s.arrived[key]++
}

// count returns how often the event of a key has arrived.
func (s *site) count(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived[key]
}
