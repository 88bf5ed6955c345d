//go:build unix

package trackers

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// TestVitals_SamePages_EqualWebVitals: the vitals of the browser script are those of the package web-vitals, within
// rounding, on pages that shift, paint late, and are slow to answer clicks.
func TestVitals_SamePages_EqualWebVitals(t *testing.T) {
	scripts, command := bundle(t), collectortest.Build(t)
	loads := 4
	if *all {
		loads = 20
	}
	for _, engine := range []string{browsertest.Chromium, browsertest.Firefox} {
		t.Run(engine, func(t *testing.T) {
			c := serve(t, command, sender{})
			site := publishVitals(t, scripts, c.URL)
			b := browsertest.Start(t, engine)
			for i := range loads {
				tab := b.Open(t, fmt.Sprintf("%s/page/%d", site, i))
				time.Sleep(300 * time.Millisecond) // the page shifts
				for range i % 4 {
					tab.Click("button")
				}
				time.Sleep(200 * time.Millisecond) // the next frame is painted
				tab.Navigate(site + "/elsewhere")
				tab.Close()
			}
			compareVitals(t, c, loads)
		})
	}
}

// publishVitals serves pages that differ in what they paint and shift, with the browser script and web-vitals.
func publishVitals(t *testing.T, scripts, collector string) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		time.Sleep(time.Duration(n%3) * 30 * time.Millisecond) // TTFB
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Vitals</title><link rel="icon" href="data:,">
			<script>%s; var collector = '%s'</script><script src="%[2]s/visits.js"></script><script src="/vitals.js"></script>
			<h1>Small</h1><div id="late"></div><p>Text below</p><button>slow</button>
			<script>
				const busy = ms => { const end = performance.now() + ms; while (performance.now() < end); }
				document.querySelector('button').addEventListener('click', () => { busy(%[3]d); document.title = 'clicked' })
				setTimeout(() => { late.innerHTML = '<h1 style="font-size: %[4]dpx">A larger text that comes late</h1>' }, 100)
			</script>`, browsertest.HideAutomation, collector, 20+40*(n%4), 20+n%5*20)
	})
	mux.Handle("GET /vitals.js", http.FileServer(http.Dir(scripts)))
	mux.HandleFunc("GET /elsewhere", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// vitalNames are columns of the browser script, and fields of what web-vitals has.
var vitalNames = []string{"ttfb", "fcp", "lcp", "cls", "inp"}

func compareVitals(t *testing.T, c *collector, loads int) {
	t.Helper()
	ours, theirs := []string{"path"}, []string{"data->>'path'"}
	for _, name := range vitalNames {
		ours = append(ours, "coalesce(max_by("+name+", n)::varchar, '')")
		theirs = append(theirs, "coalesce(data->>'"+name+"', '')")
	}
	byPath := map[string][]string{}
	for _, r := range c.Await(t, loads, patience, "select "+strings.Join(theirs, ", ")+" from beacons where stream = '/theirs'") {
		byPath[r[0]] = r
	}
	compared := map[string]int{}
	for _, r := range c.Await(t, loads, patience, "select "+strings.Join(ours, ", ")+" from beacons where name = 'leave' and path like '/page/%' group by path") {
		other := byPath[r[0]]
		if other == nil {
			t.Errorf("%s has no values of web-vitals", r[0])
			continue
		}
		for i, name := range vitalNames {
			a, b := r[i+1], other[i+1]
			if a == "" && b == "" {
				continue
			}
			rounding := 0.5
			if name == "cls" {
				rounding = 0.00005
			}
			x, err1 := strconv.ParseFloat(a, 64)
			y, err2 := strconv.ParseFloat(b, 64)
			if err1 != nil || err2 != nil || math.Abs(x-y) > rounding+1e-9 {
				t.Errorf("%s: %s is %q, web-vitals has %q", r[0], name, a, b)
			}
			compared[name]++
		}
	}
	t.Logf("compared %v of %d page loads", compared, loads)
	if compared["ttfb"] != loads || compared["fcp"] != loads {
		t.Errorf("compared %v, want TTFB and FCP of %d page loads", compared, loads)
	}
}
