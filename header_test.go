//go:build unix

package beacon_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon"
)

func TestHeaderAndUserAgent(t *testing.T) {
	var mu sync.Mutex
	var got http.Header
	d := newDesk(t, nil, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = r.Header.Clone()
	})
	n := beacon.Navigator{
		Config:    &beacon.Config{Outbox: newOutbox(t), InProcess: true},
		Header:    http.Header{"Authorization": {"Bearer key"}, "x-write-key": {"a", "b"}},
		UserAgent: "tool/1.2",
	}
	if ok, err := n.SendBeacon(d.URL, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	d.wait(t, 1)
	mu.Lock()
	defer mu.Unlock()
	if got.Get("Authorization") != "Bearer key" || len(got.Values("X-Write-Key")) != 2 || got.Get("User-Agent") != "tool/1.2" {
		t.Errorf("%v", got)
	}
	for name, value := range map[string]string{"X-Large": strings.Repeat("x", 65<<10), "Host": "x", "content-length": "1", "Bad Name": "x", "X": "a\nb secret"} {
		n.Header = http.Header{name: {value}}
		_, err := n.SendBeacon(d.URL, nil)
		var typeError *beacon.TypeError
		if !errors.As(err, &typeError) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
