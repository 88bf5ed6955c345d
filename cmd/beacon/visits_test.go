//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A visitEvent is an event of a generated visit, as the browser script sends it.
type visitEvent struct {
	Name      string         `json:"name"`
	View      string         `json:"view"`
	N         int            `json:"n"`
	Path      string         `json:"path"`
	Weight    float64        `json:"weight"`
	Title     string         `json:"title,omitempty"`
	Source    string         `json:"source,omitempty"`
	UTMSource string         `json:"utm_source,omitempty"`
	UTMMedium string         `json:"utm_medium,omitempty"`
	Campaign  string         `json:"utm_campaign,omitempty"`
	Screen    string         `json:"screen,omitempty"`
	Language  string         `json:"language,omitempty"`
	Status    int            `json:"status,omitempty"`
	Seconds   float64        `json:"seconds,omitempty"`
	LCP       float64        `json:"lcp,omitempty"`
	Props     map[string]any `json:"props,omitempty"`

	at             time.Time
	visitor, site  string
	agent, browser string
	country        string
	twice, bot     bool
	idle           bool // of a visitor who has many views and nothing else
}

// generateVisits returns events of two sites within the nine days before end, some of them twice or of bots. Many views are
// around midnight.
func generateVisits(end time.Time) (events []visitEvent) {
	random := rand.New(rand.NewPCG(1, 2))
	agents := []struct{ agent, browser string }{
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "Chrome"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"},
	}
	for v := range 300 {
		a := agents[random.IntN(len(agents))]
		at := end.Add(-time.Duration(3+random.IntN(9*24))*time.Hour + time.Duration(v)*time.Millisecond) // no two at the same time
		if v%3 == 0 {
			at = at.Truncate(24 * time.Hour).Add(-time.Duration(random.IntN(60))*time.Minute + time.Duration(v)*time.Millisecond)
		}
		e := visitEvent{
			View: fmt.Sprintf("%x-%d", v, end.Unix()), Path: fmt.Sprintf("/p%d", random.IntN(6)), Weight: float64(1 + 9*random.IntN(2)),
			visitor: fmt.Sprintf("%016x", random.IntN(40)), site: fmt.Sprintf("https://s%d.example", random.IntN(2)),
			agent: a.agent, browser: a.browser, bot: a.browser == "Googlebot", country: []string{"", "NO", "DE"}[v%3],
		}
		add := func(name string, after time.Duration, change func(*visitEvent)) {
			e.N++
			next := e
			next.Name, next.at, next.twice = name, at.Add(after), random.IntN(5) == 0
			change(&next)
			if random.IntN(12) > 0 { // else it is lost
				events = append(events, next)
			}
		}
		add("view", 0, func(n *visitEvent) {
			n.Title = "Title"
			n.Source = []string{"", "search.example", "social.example"}[random.IntN(3)]
			if random.IntN(3) == 0 {
				n.UTMSource, n.UTMMedium, n.Campaign = "mail", []string{"letter", "campaign"}[random.IntN(2)], []string{"", "autumn"}[v%2]
			}
			n.Status = []int{0, 0, 0, 404}[random.IntN(4)]
			n.Language = []string{"en", "de-DE"}[random.IntN(2)]
			n.Screen = []string{"phone", "laptop"}[v%2]
		})
		if random.IntN(3) == 0 {
			add("signup", time.Second, func(n *visitEvent) { n.Props = map[string]any{"plan": "pro"} })
		}
		if random.IntN(4) == 0 {
			add("error", 2*time.Second, func(n *visitEvent) { n.Props = map[string]any{"message": fmt.Sprintf("error %d", random.IntN(3))} })
		}
		for i := range 1 + random.IntN(2) {
			add("leave", time.Duration(5+20*i+random.IntN(150)*i)*time.Minute, func(n *visitEvent) {
				n.Seconds = math.Round(random.Float64()*100*float64(i+1)) / 10
				n.LCP = float64(100 + random.IntN(3000))
			})
		}
	}
	for v := range 12 {
		events = append(events, visitEvent{Name: "view", View: fmt.Sprintf("idle%d-%d", v, end.Unix()), N: 1, Path: "/p1", Weight: 1, Language: "en",
			at: end.Add(-50 * time.Hour).Truncate(24 * time.Hour).Add(12*time.Hour + time.Duration(v)*time.Minute), visitor: "00000000000000ff", site: "https://s0.example",
			agent: agents[0].agent, browser: agents[0].browser, idle: true})
	}
	return events
}

// importVisits imports events as records, in the order of their times.
func importVisits(t *testing.T, p *place, url string, events []visitEvent) {
	t.Helper()
	var file bytes.Buffer
	for _, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for copies := 0; copies == 0 || copies == 1 && e.twice; copies++ {
			r := warc.Record{
				ID: uuid.New(), Date: e.at.Add(time.Duration(copies) * time.Millisecond), Target: "http://127.0.0.1/visits",
				Extra: warc.Fields{{Name: row.VisitorField, Value: e.visitor}},
				Request: warc.Request{Method: http.MethodPost, Target: "/visits", Proto: "HTTP/1.1", Body: body, Header: warc.Fields{
					{Name: "Content-Type", Value: "text/plain;charset=UTF-8"}, {Name: "Origin", Value: e.site}, {Name: "User-Agent", Value: e.agent}}},
			}
			if e.country != "" {
				r.Extra = append(r.Extra, warc.Field{Name: row.CountryField, Value: e.country})
			}
			b, err := r.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			file.Write(b)
		}
	}
	cmd := p.command("command", "import", "--server", url, "-")
	cmd.Stdin = &file
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
