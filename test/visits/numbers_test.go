//go:build unix

package visits

import (
	"encoding/json"
	"fmt"
	"net/http"
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

// losses decides which events a proxy loses. Of each page view it is one event, all its copies included: of the first view
// the first event, of the second view the second one, and so on. Of the fifth view it is none.
type losses struct {
	mu    sync.Mutex
	order map[string]int // of the views, from 1
	sent  map[event]bool // whether it was lost
}

// see reports whether a request is passed on.
func (p *losses) see(r *http.Request, body []byte) bool {
	var e event
	return r.Method != http.MethodPost || json.Unmarshal(body, &e) != nil || !p.loses(e)
}

func (p *losses) loses(e event) bool {
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
func (p *losses) views(path string) (n int) {
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
func (p *losses) counts(way string) (sent, lost int) {
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
	proxy := &losses{order: map[string]int{}, sent: map[event]bool{}}
	site := newSite(t, collectortest.Proxy(t, c.URL, proxy.see))
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
