//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// postOne posts a beacon and returns the status and the text of the answer.
func (s *server) postOne(body string) (status int, text string) {
	s.p.t.Helper()
	res, err := http.Post(s.URL+"/events", "application/json", strings.NewReader(body))
	if err != nil {
		s.p.t.Fatal(err)
	}
	defer res.Body.Close()
	buffer := make([]byte, 1000)
	n, _ := res.Body.Read(buffer)
	return res.StatusCode, string(buffer[:n])
}

func TestServeLog_LogIsAway_BeaconsAreTakenUpToTheBacklog(t *testing.T) {
	cluster, log := fakeLog(t)
	cluster.Close()
	s := newPlace(t).serve("127.0.0.1:0", "--log", log, "--max-backlog", "64KiB")
	taken := 0
	for ; ; taken++ {
		status, text := s.postOne(strings.Repeat("x", 4000))
		if status == http.StatusServiceUnavailable && strings.Contains(text, "log behind this collector") {
			break
		}
		if status != http.StatusNoContent || taken > 20 {
			t.Fatalf("after %d beacons: %d %s", taken, status, text)
		}
	}
	if taken < 10 {
		t.Errorf("%d beacons of 4 kB were taken, the backlog may be 64 KiB", taken)
	}
	if got := s.metric(`beacon_refused_total{reason="log"}`); got != 1 {
		t.Errorf("%v beacons were refused for the log", got)
	}
	if got := s.metric("beacon_log_connected"); got != 0 {
		t.Errorf("connected is %v", got)
	}
}

func TestServeLog_AckLog_AnswerWaitsForTheLog(t *testing.T) {
	cluster, log := fakeLog(t)
	s := newPlace(t).serve("127.0.0.1:0", "--log", log, "--ack", "log")
	for i := range 20 {
		if status, text := s.postOne(fmt.Sprint(i)); status != http.StatusNoContent {
			t.Fatalf("%d %s", status, text)
		}
		if acknowledged := s.metric("beacon_log_acknowledged_total"); acknowledged < float64(i+1) {
			t.Fatalf("%d beacons are answered, %v acknowledged", i+1, acknowledged)
		}
	}
	cluster.Close()
	began := time.Now()
	status, text := s.postOne("late")
	if took := time.Since(began); status != http.StatusServiceUnavailable || took < ackTimeout || took > 2*ackTimeout {
		t.Errorf("without the log: %d %s after %v", status, text, took)
	}
}

func TestServeLog_WithoutTable_SaysWhereToAsk(t *testing.T) {
	_, log := fakeLog(t)
	s := newPlace(t).serve("127.0.0.1:0", "--log", log)
	for _, path := range []string{"/", "/-/query?sql=select+1", "/-/panel/pages", "/-/export?format=csv", "/-/table/files"} {
		if text := s.text(path); !strings.Contains(text, "beacon table --from") || !strings.Contains(text, "the topic beacons") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestServeLog_WithTable_TableHasTheBeaconsToo(t *testing.T) {
	_, log := fakeLog(t)
	s := newPlace(t).serve("127.0.0.1:0", "--log", log, "--table")
	s.postOne(`{"a":1}`)
	s.waitRows(1, "select 1 from beacons")
	reader := newPlace(t).tableOf(log, "127.0.0.1:0")
	reader.waitRows(1, "select 1 from beacons")
}

func TestServeLog_TwoCollectors_OneVisitor(t *testing.T) {
	_, log := fakeLog(t)
	for range 2 {
		s := newPlace(t).serve("127.0.0.1:0", "--log", log)
		req, _ := http.NewRequest("POST", s.URL+"/visits", strings.NewReader("{}"))
		req.Header.Set("Origin", "https://shop.example")
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("%v %v", res, err)
		}
		res.Body.Close()
	}
	r := newPlace(t).tableOf(log, "127.0.0.1:0")
	rows := r.waitRows(1, "select count(distinct visitor) as visitors from beacons having count(visitor) = 2")
	if got := rows[0]["visitors"].(float64); got != 1 {
		t.Errorf("one browser at two collectors is %v visitors", got)
	}
}

func TestTableOfLog_FolderHasACopyOfACollectorsTable_NoBeaconIsTwoRows(t *testing.T) {
	_, log := fakeLog(t)
	old, copied := newPlace(t), newPlace(t)
	send := func(s *server, from int) {
		for i := range 50 {
			s.postOne(fmt.Sprintf(`{"number":%d}`, from+i))
		}
	}
	s := old.serve("127.0.0.1:0")
	send(s, 0)
	s.stop()
	s = old.serve("127.0.0.1:0", "--log", log, "--table")
	send(s, 50)
	eventually(t, "the log has all", func() bool { return s.metric("beacon_log_acknowledged_total") >= 100 })
	s.stop()
	if err := os.CopyFS(filepath.Join(copied.data, tableDir), os.DirFS(filepath.Join(old.data, tableDir))); err != nil {
		t.Fatal(err)
	}
	s = old.serve("127.0.0.1:0", "--log", log)
	send(s, 100)
	r := copied.tableOf(log, "127.0.0.1:0")
	rows := r.waitRows(1, "select count(*) as n from beacons having count(distinct data->>'number') = 150")
	if got := rows[0]["n"].(float64); got != 150 {
		t.Errorf("150 beacons are %v rows", got)
	}
}

func TestServeLog_WrongFlags_ErrorSaysWhatToWrite(t *testing.T) {
	p := newPlace(t)
	for flags, want := range map[string]string{
		"--ack log":                                        "need --log",
		"--table":                                          "need --log",
		"--log kafka://b1/beacons --ack always":            "inbox or log",
		"--log http://b1/beacons":                          "kafka://broker1",
		"--log kafka://b1/":                                "topic",
		"--log kafka://u:secret@b1/beacons":                "--log-password-file",
		"--log kafka://u@b1/beacons --log-sasl plain":      "BEACON_LOG_PASSWORD",
		"--log kafka://b1/beacons --log-ca nothing":        "kafkas://",
		"--log kafkas://b1/beacons --log-cert nothing.pem": "key",
	} {
		_, errs, status := p.beacon(append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, strings.Fields(flags)...)...)
		if status == 0 || !strings.Contains(errs, want) || strings.Contains(errs, "secret") {
			t.Errorf("%s: status %d, %s, want %q", flags, status, errs, want)
		}
	}
}

func TestTableOfLog_Erasure_ReachesEachTable(t *testing.T) {
	_, log := fakeLog(t)
	collector := newPlace(t).serve("127.0.0.1:0", "--log", log)
	for i := range 100 {
		collector.postOne(fmt.Sprintf(`{"number":%d}`, i))
	}
	places := []*place{newPlace(t), newPlace(t)}
	var readers []*server
	for _, p := range places {
		r := p.tableOf(log, "127.0.0.1:0")
		r.waitRows(1, "select 1 from beacons having count(*) = 100")
		readers = append(readers, r)
	}
	if out, errs, status := places[0].beacon("erase", "--server", readers[0].URL, "--yes", "data->>'number' = '7'"); status != 0 {
		t.Fatalf("%d %s %s", status, out, errs)
	}
	late := newPlace(t).tableOf(log, "127.0.0.1:0") // reads all from the beginning
	late.waitRows(1, "select 1 from beacons having count(*) = 99")
	for _, r := range append(readers, late) {
		r.waitRows(1, "select 1 from beacons having count(*) = 99 and count(*) filter (data->>'number' = '7') = 0")
	}
}

func TestTableOfLog_Beacon_IsRefused(t *testing.T) {
	_, log := fakeLog(t)
	r := newPlace(t).tableOf(log, "127.0.0.1:0")
	if status, text := r.postOne("{}"); status != http.StatusNotFound || !strings.Contains(text, "send beacons to a collector") {
		t.Errorf("%d %s", status, text)
	}
}

func TestParsePartitions_NumbersAndRanges_OrErrorSaysWhatToWrite(t *testing.T) {
	got, err := parsePartitions("0,2,4-6")
	if fmt.Sprint(got) != "[0 2 4 5 6]" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"a", "3-1", "-1", "0-", "1,,2"} {
		if _, err := parsePartitions(text); err == nil || !strings.Contains(err.Error(), "0-7") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
