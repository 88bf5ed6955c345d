package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/seed-d051cf5a/beacon/test/clickhousetest"
)

// sinkMemory is the most that docs/scale.md says a sink takes, in bytes.
const sinkMemory = 384 << 20

// While ClickHouse is away, the topic gets much more than the sink may hold.
func TestClickHouse_AwayWithLargeBodies_MemoryIsBounded(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes memory itself")
	}
	store, to := newColumnStore(t)
	_, log := fakeLog(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "2000000"}))
	sink := newPlace(t).sinkOf(log, to)
	eventually(t, "the sink reads the log", func() bool {
		res, err := http.Get(sink.URL + "/-/readyz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	store.Intercept(clickhousetest.Away)
	collector := newPlace(t).serve("127.0.0.1:0", "--log", log)
	body, n := make([]byte, 1<<20), 300
	for range n {
		rand.Read(body)
		res, err := http.Post(collector.URL+"/large", "application/octet-stream", bytes.NewReader(body))
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("POST: %v, %v", res, err)
		}
		res.Body.Close()
	}
	eventually(t, "the sink holds as much as it may", func() bool { return sink.metric("beacon_clickhouse_pending_bytes") >= 48<<20 })
	store.Intercept(nil)
	eventually(t, "the view has all", func() bool {
		rows, err := store.Try("SELECT count(), uniqExact(id), min(length(body)) FROM db.beacons")
		return err == nil && fmt.Sprint(rows[0]) == fmt.Sprintf("[%d %[1]d 1048576]", n)
	})
	peak := memoryOf(sink.cmd.Process.Pid, "VmHWM")
	if t.Logf("the sink took %d MiB at most", peak>>20); peak > sinkMemory {
		t.Errorf("the sink took %d MiB, want at most %d", peak>>20, sinkMemory>>20)
	}
}
