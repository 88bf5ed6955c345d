//go:build unix

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/clickhousetest"
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

func TestClickHouse_KeyThroughTwoCollectors_IsOneRow(t *testing.T) {
	store, to := newColumnStore(t)
	_, log := fakeLog(t)
	sink := newPlace(t).sinkOf(log, to)
	for range 2 {
		s := newPlace(t).serve("127.0.0.1:0", "--log", log)
		for key := range 20 {
			req, err := http.NewRequest("POST", s.URL+"/events", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Idempotency-Key", fmt.Sprintf("key-%d", key))
			res, err := http.DefaultClient.Do(req)
			if err != nil || res.StatusCode != http.StatusNoContent {
				t.Fatalf("POST: %v, %v", res, err)
			}
			res.Body.Close()
		}
	}
	eventually(t, "all 40 records are written", func() bool { return sink.metric("beacon_clickhouse_rows_total") == 40 })
	if n := store.Number("SELECT count() FROM db.beacons"); n != 20 {
		t.Errorf("the view has %d rows, want 20", n)
	}
}

func TestClickHouse_Erase_RemovesRowsThere(t *testing.T) {
	store, to := newColumnStore(t)
	_, log := fakeLog(t)
	newPlace(t).sinkOf(log, to)
	p := newPlace(t)
	s := p.serve("127.0.0.1:0", "--log", log, "--table")
	c := newCrowd(s.URL)
	c.await(100)
	c.end()
	c.inView(t, store)
	if out, errs, status := p.beacon("erase", "--server", s.URL, "--yes", "cast(data->>'number' as integer) <= 10"); status != 0 {
		t.Fatalf("erase: status %d: %s%s", status, out, errs)
	}
	eventually(t, "the erased beacons are not in the view", func() bool {
		rows, err := store.Try("SELECT count() FROM db.beacons_raw WHERE JSONExtractInt(data, 'number') <= 10")
		return err == nil && rows[0][0] == "0"
	})
}

func TestClickHouse_Process_AnswersHealthAndMetrics(t *testing.T) {
	store, to := newColumnStore(t)
	_, log := fakeLog(t)
	store.Intercept(clickhousetest.Away)
	s := newPlace(t).sinkOf(log, to)
	get := func(path string) (int, string) {
		t.Helper()
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	if status, text := get("/-/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/-/readyz without ClickHouse: %d %s, want 503", status, text)
	}
	if n := s.metric("beacon_clickhouse_connected"); n != 0 {
		t.Errorf("beacon_clickhouse_connected is %v without ClickHouse, want 0", n)
	}
	store.Intercept(nil)
	eventually(t, "the sink is ready", func() bool { status, _ := get("/-/readyz"); return status == http.StatusOK })
	tests := []struct {
		path   string
		status int
		text   string
	}{
		{"/", http.StatusOK, "ask the view db.beacons there"},
		{"/-/healthz", http.StatusOK, "ok"},
		{"/-/metrics", http.StatusOK, "beacon_log_read_lag_records 0"},
		{"/-/query", http.StatusNotFound, "ask the view db.beacons there"},
		{"/events", http.StatusNotFound, "send beacons to a collector"},
	}
	for _, test := range tests {
		if status, text := get(test.path); status != test.status || !strings.Contains(text, test.text) {
			t.Errorf("%s: %d %s, want %d with %q", test.path, status, text, test.status, test.text)
		}
	}
	s.stop()
}

func TestClickHouse_WrongFlags_SayWhatToDo(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"--to", "clickhouse://h/db"}, "--to needs --from"},
		{[]string{"--from", "kafka://b/t", "--to", "clickhouse://u:pw@h/db"}, "--to-password-file"},
		{[]string{"--from", "kafka://b/t", "--to", "clickhouse://h/db", "--max-age", "90d"}, "--max-age is about files"},
		{[]string{"--from", "kafka://b/t", "--to", "clickhouse://h/db", "--to-ca", "x.pem"}, "clickhouses://"},
		{[]string{"--from", "kafka://b/t", "--to", "clickhouse://h/db", "--to-password-file", "/missing"}, "read the password"},
		{[]string{"--from", "kafka://b/t", "--to", "clickhouse://h/db", "--column", "log_offset:bigint"}, "choose another name"},
	}
	for _, test := range tests {
		_, errs, status := newPlace(t).beacon(append([]string{"table"}, test.args...)...)
		if status != 2 || !strings.Contains(errs, test.want) || strings.Contains(errs, "pw@") {
			t.Errorf("table %v: status %d: %s, want 2 with %q", test.args, status, errs, test.want)
		}
	}
}
