package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dop251/goja"
)

// What navigator.sendBeacon may cost in this project's page: in µs, and as a share of what
// it costs in Chromium.
const (
	mostMicroseconds = 20
	mostOfChromium   = 0.05
)

// callsAtOnce is how many calls follow each other: both engines then wait until all of them
// are answered, as what is in flight may have 64 KiB in all.
const callsAtOnce = 20

// BenchmarkSendBeaconAgainstChromium times single calls of navigator.sendBeacon with a string
// of 512 bytes in turn in this project's page and in a real Chromium, by the same script. In
// Chromium the clock is performance.now, which has 5 µs there, as the page is isolated; in the
// page, where a call is not much longer than that, it is Go's.
func BenchmarkSendBeaconAgainstChromium(b *testing.B) {
	s := startSites(b)
	theirs := startChromium(b, s)
	theirs.open(s.origins["page"] + "/control/isolated")
	if text, err := theirs.evaluate("globalThis.clock = () => performance.now(); String(crossOriginIsolated)"); text != "true" {
		b.Fatalf("the page is not isolated: %s %v", text, err)
	}
	own := startPage(b, s).(*goPage)
	own.open(s.set(pageSettings{}))
	began := time.Now()
	err := own.page.Do(b.Context(), func(r *goja.Runtime) error {
		return r.Set("clock", func() float64 { return float64(time.Since(began)) / 1e6 })
	})
	if err != nil {
		b.Fatal(err)
	}

	chromium, page := &timing{sites: s, engine: theirs}, &timing{sites: s, engine: own}
	for _, t := range []*timing{chromium, page} {
		t.visit = &visit{token: "bench-" + t.engine.name()}
		s.collector.begin(t.visit)
		t.calls(b) // to warm up
		t.took = nil
	}
	for b.Loop() {
		chromium.calls(b)
		page.calls(b)
	}
	own.close()

	ratio := page.quantile(.5) / chromium.quantile(.5)
	b.ReportMetric(0, "ns/op")
	for _, t := range []*timing{page, chromium} {
		b.ReportMetric(t.quantile(.5), t.engine.name()+"-p50-µs")
		b.ReportMetric(t.quantile(.99), t.engine.name()+"-p99-µs")
	}
	b.ReportMetric(ratio, "page/chromium")
	if own := page.quantile(.5); own > mostMicroseconds || ratio > mostOfChromium {
		b.Errorf("%.1f µs a call, and %.3f of Chromium's: it should be %d, and %v, at most", own, ratio, mostMicroseconds, mostOfChromium)
	}
}

// A timing is what the calls took in an engine, in ms.
type timing struct {
	sites  *sites
	engine engine
	visit  *visit
	sent   int
	took   []float64
}

// calls times some calls, those that returned true, and waits until their beacons are answered.
func (t *timing) calls(b *testing.B) {
	text, err := t.engine.evaluate(fmt.Sprintf(`(() => {
		const took = [], data = 'x'.repeat(512)
		for (let i = 0; i < %d; i++) {
			const began = clock()
			const queued = navigator.sendBeacon('/c/%s/beacon', data)
			const ended = clock()
			if (queued) took.push(ended - began)
		}
		return JSON.stringify(took)
	})()`, callsAtOnce, t.visit.token))
	var took []float64
	if err == nil {
		err = json.Unmarshal([]byte(text), &took)
	}
	if err != nil {
		b.Fatal(err)
	}
	t.took = append(t.took, took...)
	t.sent += len(took)
	done := 0
	t.sites.collector.until(patience, func() bool { done = t.visit.done(); return done >= t.sent })
	if done < t.sent {
		b.Fatalf("%s: %d of %d beacons came", t.engine.name(), done, t.sent)
	}
}

// quantile is in µs.
func (t *timing) quantile(share float64) float64 {
	slices.Sort(t.took)
	return 1000 * t.took[int(share*float64(len(t.took)-1))]
}
