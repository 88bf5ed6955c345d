//go:build unix

package visits

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// An event is how the script names one: the id of the page view, and a number in it.
type event struct {
	View string
	N    int
	Path string
}

// A lossyProxy is a reverse proxy in front of a collector. Of each page view it loses one event, all its copies included:
// of the first view the first event, of the second view the second one, and so on; and of the fifth view none.
type lossyProxy struct {
	URL string

	mu    sync.Mutex
	order map[string]int // of the views, from 1
	sent  map[event]bool // whether it was lost
}

func startLossyProxy(t *testing.T, collector string) *lossyProxy {
	t.Helper()
	target, err := url.Parse(collector)
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyProxy{order: map[string]int{}, sent: map[event]bool{}}
	forward := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the browser has ended it
		}
		var e event
		if r.Method == http.MethodPost && json.Unmarshal(body, &e) == nil && p.loses(e) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p.URL = s.URL
	return p
}

func (p *lossyProxy) loses(e event) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.order[e.View] == 0 {
		p.order[e.View] = len(p.order) + 1
	}
	lost := e.N == p.order[e.View]%5
	p.sent[e] = lost
	return lost
}

// views returns how many views of a path were sent.
func (p *lossyProxy) views(path string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := range p.sent {
		if e.Path == path && e.N == 1 {
			n++
		}
	}
	return n
}

// counts returns how many events were sent and lost from a way's pages.
func (p *lossyProxy) counts(way string) (sent, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e, isLost := range p.sent {
		if strings.HasPrefix(e.Path, "/"+way+"?") {
			sent++
			if isLost {
				lost++
			}
		}
	}
	return sent, lost
}

// TestNumbers_EventsAreDropped_ShowTheLoss: the loss that the numbers of the events show is the loss that is known. The
// first view of each page has four events, a second one has two. The last one is the leave.
func TestNumbers_EventsAreDropped_ShowTheLoss(t *testing.T) {
	c := collectortest.Serve(t, collectortest.Build(t))
	proxy := startLossyProxy(t, c.URL)
	site := newSite(t, proxy.URL)
	b := browsertest.Start(t, browsertest.Chromium)
	for _, w := range ways {
		if w.ends {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			const pages = 5
			for run := range pages {
				path := fmt.Sprintf("/%s?run=%d", w.name, run)
				v := &visit{t, b, b.Open(t, site+path), site, path, func() int { return proxy.views(path) }}
				v.shown(1)
				if _, err := v.tab.Evaluate("beacon('a'), beacon('b'), null"); err != nil {
					t.Fatal(err)
				}
				w.leave(v)
				if w.name != "tab" {
					v.tab.Close()
				}
			}
			all := pages * (4 + 2*(w.views-1))
			for deadline := time.Now().Add(collectortest.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				if sent, _ := proxy.counts(w.name); sent >= all {
					break
				}
			}
			sent, lost := proxy.counts(w.name)
			want := fmt.Sprintf("[[%d %d]]", sent, lost)
			query := `with v as (select view, max(n) as last, count(distinct n) as arrived, count(*) filter (name = 'leave') as leaves
				from beacons where stream = '/visits' and path like '/` + w.name + `?run=%' group by view)
				select (sum(last) + count(*) filter (leaves = 0))::varchar, (sum(last - arrived) + count(*) filter (leaves = 0))::varchar from v`
			got := ""
			for deadline := time.Now().Add(collectortest.Patience); got != want && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				got = fmt.Sprint(c.Query(t, query))
			}
			if got != want || sent < all || lost < 4 {
				t.Errorf("the numbers show events and losses of %s, %s are known", got, want)
			}
		})
	}
}
