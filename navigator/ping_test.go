package navigator_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/navigator"
)

func TestPing_Link_PostsToEachURL(t *testing.T) {
	s := serve(t, nil)
	for _, c := range []struct{ name, page, from, to string }{
		{"same origin", s.URL + "/p#part", s.URL + "/p#part", s.URL + "/there#x"},
		{"http to another origin", s.localhost() + "/p", s.localhost() + "/p", s.localhost() + "/there#x"},
		{"https to another origin", "https://a.example/p", "", "https://a.example/there#x"},
	} {
		n := navigator.Navigator{Page: &navigator.Page{URL: c.page}}
		if err := n.Ping(t.Context(), "/there#x", s.URL+"/1 \n"+s.URL+"/2", "http://[ mailto:x ", s.URL+"/3"); err != nil {
			t.Fatal(err)
		}
		got := s.received()
		came := lines(got)
		slices.Sort(came)
		if want := []string{"POST /1", "POST /2", "POST /3"}; !slices.Equal(came, want) {
			t.Errorf("%s: got the requests %q, want %q", c.name, came, want)
		}
		for _, r := range got {
			h := r.Header
			if h.Get("Ping-From") != c.from || h.Get("Ping-To") != c.to || h.Get("Content-Type") != "text/ping" || r.body != "PING" ||
				h.Get("Referer") != "" || h.Get("Origin") == "" || h.Get("Sec-Fetch-Mode") != "no-cors" {
				t.Errorf("%s: got the body %q and the header %v; want PING, Ping-From %q, Ping-To %q, an Origin and no Referer", c.name, r.body, h, c.from, c.to)
			}
		}
	}
}

func TestPing_TargetIsNotAURL_ReturnsTypeError(t *testing.T) {
	s := serve(t, nil)
	n := navigator.Navigator{Page: &navigator.Page{URL: s.URL}}
	if err := n.Ping(t.Context(), "http://[", s.URL); !isTypeError(err) {
		t.Errorf("got %v, want a TypeError", err)
	}
	if got := s.received(); got != nil {
		t.Errorf("got the requests %q, want none", lines(got))
	}
}

func TestPing_DoNotTrackHonored_SendsNothing(t *testing.T) {
	t.Setenv("DO_NOT_TRACK", "1")
	s := serve(t, nil)
	n := navigator.Navigator{Agent: newAgent(t, navigator.Config{HonorDoNotTrack: true}), Page: &navigator.Page{URL: s.URL}}
	if err := n.Ping(t.Context(), "/", s.URL); !errors.Is(err, beacon.ErrDoNotTrack) {
		t.Errorf("got %v, want %v", err, beacon.ErrDoNotTrack)
	}
	if got := s.received(); got != nil {
		t.Errorf("got the requests %q, want none", lines(got))
	}
}

func TestPing_OneServerIsDown_PingsTheOther(t *testing.T) {
	s, down := serve(t, nil), serve(t, nil)
	down.Close()
	n := navigator.Navigator{Page: &navigator.Page{URL: s.URL}}
	if err := n.Ping(t.Context(), "/", down.URL, s.URL); err == nil || isTypeError(err) {
		t.Errorf("got %v, want a network error", err)
	}
	if got := s.received(); len(got) != 1 {
		t.Errorf("got the requests %q, want one", lines(got))
	}
}
