//go:build unix

package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestLivePage_SendersNeedSettings_SaysWhich sends GETs that are not stored, and the same beacon again and again.
func TestLivePage_SendersNeedSettings_SaysWhich(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	page := b.attach("", func(any) {})
	collector.openLive(page, "")
	await[bool](page, "no notice", `document.getElementById('senders').hidden`)
	get := func(path string) {
		r, err := http.NewRequest(http.MethodGet, collector.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = path // sent as it is
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	for range 3 {
		get("/track?data=1")
	}
	get("/it's<b>&nbsp;?x")
	for range 4 {
		collector.post("/e/", "application/json", `{"event":"signup"}`)
	}
	text := await[string](page, "the notice", `!document.getElementById('senders').hidden && document.querySelectorAll('#senders li').length === 3 && document.getElementById('senders').innerText`)
	for _, want := range []string{"3 times a GET of /track", "--get '/track'", `--get '/it'\''s<b>&nbsp;'`, "Once one client sent the same beacon to /e/", "--answer '/e/=200'"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want %q in it", text, want)
		}
	}
}
