//go:build unix

package beacon_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

const (
	serviceRate    = 10_000 // beacons a second
	serviceSeconds = 20
)

func init() { programs["service"] = service }

// A serviceResult is what the service prints.
type serviceResult struct {
	Sent, Refused int
	Seconds       float64
}

// service is a service that sends serviceRate beacons of 512 bytes a second.
func service(url string) {
	data := beacon.Blob{Data: []byte(`{"x":"` + strings.Repeat("x", 504) + `"}`), Type: "application/json"}
	var r serviceResult
	began := time.Now()
	for range time.Tick(time.Millisecond) {
		elapsed := time.Since(began)
		if elapsed >= serviceSeconds*time.Second {
			break
		}
		for r.Sent+r.Refused < int(elapsed.Seconds()*serviceRate) {
			if beacon.Send(url, data) == nil {
				r.Sent++
			} else {
				r.Refused++
			}
		}
	}
	r.Seconds = time.Since(began).Seconds()
	json.NewEncoder(os.Stdout).Encode(r)
	os.Exit(0)
}

// BenchmarkServiceSustained runs a service with an outbox of the default size, its detached deliverer and a
// server that takes all, each in its own process.
func BenchmarkServiceSustained(b *testing.B) {
	var taken atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		taken.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	outbox := proctest.OutboxDir(b)
	out, err := command(outbox, s.URL, "service").Output()
	ended := time.Now()
	if err != nil {
		b.Fatal(err)
	}
	var r serviceResult
	if err := json.Unmarshal(out, &r); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(r.Sent)/r.Seconds, "accepted/s")
	b.ReportMetric(float64(r.Refused), "refused")
	b.ReportMetric(float64(int64(r.Sent)-taken.Load()), "waiting-at-the-end")
	for taken.Load() < int64(r.Sent) {
		if time.Since(ended) > time.Minute {
			b.Fatalf("%d of %d arrived", taken.Load(), r.Sent)
		}
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(time.Since(ended).Seconds(), "until-all-arrived-s")
}
