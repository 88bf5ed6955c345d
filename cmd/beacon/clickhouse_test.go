//go:build unix

package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestClickHouse_EverythingIsKilled_EachBeaconIsOneRow(t *testing.T) {
	store, to := newColumnStore(t)
	_, log := fakeLog(t)
	addresses := []string{freeAddress(t), freeAddress(t)}
	collectors := []*place{newPlace(t), newPlace(t)}
	running := make([]*server, 2)
	for i := range running {
		running[i] = collectors[i].serve(addresses[i], "--log", log)
	}
	p := newPlace(t)
	sink := p.sinkOf(log, to)
	c := newCrowd(running[0].URL, running[1].URL)
	for range kills(t, 6) {
		time.Sleep(rand.N(1500 * time.Millisecond))
		switch i := rand.IntN(2); rand.IntN(4) {
		case 0:
			running[i].kill()
			running[i] = collectors[i].serve(addresses[i], "--log", log)
		case 1:
			store.Kill()
			time.Sleep(rand.N(500 * time.Millisecond))
			store.Restart()
		default:
			sink.kill()
			sink = p.sinkOf(log, to)
		}
	}
	t.Logf("%d beacons were accepted", c.end())
	c.inView(t, store)
	t.Logf("%d rows in db.beacons_raw, %v", store.Number("SELECT count() FROM db.beacons_raw"), store.Query("SELECT log_partition, max(next) FROM db.beacons_positions GROUP BY 1"))
}
