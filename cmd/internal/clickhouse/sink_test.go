package clickhouse

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/test/clickhousetest"
)

func TestSink_Records_AreRowsWithPartitionAndOffset(t *testing.T) {
	h := newHarness(t, 2)
	h.produce(0, numbered(0, 10)...)
	h.produce(1, numbered(10, 5)...)
	s := h.start()
	s.await(15)
	h.expect(15, 15)
	got := h.Query("SELECT log_partition, min(log_offset), max(log_offset), min(JSONExtractInt(data, 'number')) FROM db.beacons_raw GROUP BY 1 ORDER BY 1")
	for i, want := range []string{"0 0 9 0", "1 0 4 10"} {
		if have := strings.Join(got[i], " "); have != want {
			t.Errorf("partition, offsets and first number are %q, want %q", have, want)
		}
	}
	s.stop()
}

func TestSink_Stopped_ContinuesWithoutRepeating(t *testing.T) {
	h := newHarness(t, 2)
	h.produce(0, numbered(0, 10)...)
	s := h.start()
	s.await(10)
	s.stop()
	h.produce(0, numbered(10, 7)...)
	s = h.start()
	s.await(7)
	if n := s.Stats().Records; n != 7 {
		t.Errorf("%d records were written after the start, want 7", n)
	}
	h.expect(17, 17)
}

// The rows of a batch are inserted, and the sink ends before it has recorded more. The next one repeats the batch with the
// same end, although it has more records now, so that ClickHouse knows its token.
func TestSink_Crash_RepeatsTheSameBatch(t *testing.T) {
	h := newHarness(t, 1)
	h.produce(0, numbered(0, 10)...)
	s := h.start()
	s.await(10)
	s.crash()
	h.produce(0, numbered(10, 10)...)
	s = h.start()
	s.await(20)
	h.expect(20, 20)
	if n := s.Stats().Records; n != 20 {
		t.Errorf("%d records were written, want the first 10 again and 10 more", n)
	}
}

func TestSink_AnswersLost_RowsOnceInRawTable(t *testing.T) {
	h := newHarness(t, 1)
	lost := 0
	h.Intercept(func(_ http.ResponseWriter, r *http.Request, pass func()) bool {
		if lost < 3 && strings.Contains(r.URL.Query().Get("query"), "_raw") {
			lost++
			pass()
			panic(http.ErrAbortHandler)
		}
		return false
	})
	h.produce(0, numbered(0, 100)...)
	s := h.start()
	s.await(100)
	h.expect(100, 100)
	if st := s.Stats(); st.Retries != 3 {
		t.Errorf("retries %d, want 3", st.Retries)
	}
}

// ClickHouse dies between noting the token of an INSERT and committing its rows, and so skips the next with that token.
func TestSink_TokenWithoutRows_RowsAreInsertedAgain(t *testing.T) {
	h := newHarness(t, 1)
	inserts := 0
	h.Intercept(func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		if query := r.URL.Query(); !strings.Contains(query.Get("query"), "_raw") || query.Get("insert_deduplication_token") == "" {
			return false
		}
		if inserts++; inserts == 1 {
			panic(http.ErrAbortHandler)
		}
		return true // without the rows
	})
	h.produce(0, numbered(0, 10)...)
	s := h.start()
	s.await(10)
	h.expect(10, 10)
}

func TestSink_ClickHouseAwayAtStart_StartsWhenItIsThere(t *testing.T) {
	h := newHarness(t, 1)
	h.Intercept(clickhousetest.Away)
	h.produce(0, numbered(0, 10)...)
	s := h.start()
	h.awaitLog("ClickHouse fails, it is retried")
	if st := s.Stats(); st.Started || st.Error == "" {
		t.Errorf("stats %+v, want not started, with the error", st)
	}
	h.Intercept(nil)
	s.await(10)
	h.expect(10, 10)
	if st := s.Stats(); st.Error != "" {
		t.Errorf("error %q after success", st.Error)
	}
}

func TestSink_StateFails_RetriesUntilItWorks(t *testing.T) {
	tests := []struct{ code, text, logged string }{
		{"252", "Too many parts (3000). Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)", "merges are behind"},
		{"516", "Authentication failed. (AUTHENTICATION_FAILED)", "to-password-file"},
		{"497", "Not enough privileges. (ACCESS_DENIED)", "GRANT SELECT"},
		{"243", "Not enough space. (NOT_ENOUGH_SPACE)", "make room"},
		{"0", "upstream is away", "upstream is away"},
	}
	h := newHarness(t, 1)
	s := h.start()
	for i, test := range tests {
		h.Intercept(clickhousetest.Refuse(test.code, test.text))
		h.produce(0, numbered(i, 1)...)
		h.awaitLog(test.logged)
		h.Intercept(nil)
		s.await(int64(i + 1))
	}
	h.expect(len(tests), len(tests))
	if st := s.Stats(); st.Dead != 0 {
		t.Errorf("%d records are dead, want 0", st.Dead)
	}
}

func TestSink_DatabaseMissing_SaysHowToMakeIt(t *testing.T) {
	h := newHarness(t, 1)
	h.produce(0, numbered(0, 3)...)
	s := h.start(func(o *Options) { o.Target.Database = "other" })
	h.awaitLog("CREATE DATABASE `other`")
	h.Query("CREATE DATABASE other")
	s.await(3)
	if n := h.Number("SELECT count() FROM other.beacons"); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestSink_WrongPassword_WorksAfterItIsCorrected(t *testing.T) {
	h := newHarness(t, 1)
	secured := clickhousetest.Start(t, "secret")
	secured.Query("CREATE DATABASE db")
	password := make(chan string, 1)
	password <- "wrong"
	s := h.start(func(o *Options) {
		o.Target.Host = secured.Address
		o.Password = func() (string, error) { p := <-password; password <- p; return p, nil }
	})
	h.awaitLog("the user is default")
	<-password
	password <- "secret"
	h.produce(0, numbered(0, 3)...)
	s.await(3)
	if text := h.logged.String(); strings.Contains(text, "secret") {
		t.Errorf("the log has the password:\n%s", text)
	}
}

func TestSink_PartitionsAdded_AreRead(t *testing.T) {
	h := newHarness(t, 1)
	h.produce(0, numbered(0, 3)...)
	s := h.start()
	s.await(3)
	h.addPartitions(2)
	h.produce(1, numbered(3, 3)...)
	s.await(6)
	h.expect(6, 6)
}

func TestSink_TwoByMistake_EachBeaconIsOneRowOfTheView(t *testing.T) {
	h := newHarness(t, 2)
	first, second := h.start(), h.start()
	for i := range 20 {
		h.produce(int32(i%2), numbered(10*i, 10)...)
	}
	first.await(200)
	second.await(200)
	row := h.Query("SELECT count(), uniqExact(id) FROM db.beacons")[0]
	if row[0] != "200" || row[1] != "200" {
		t.Errorf("rows and ids of the view are %v, want 200", row)
	}
}

func TestSink_IDInTwoRecords_FirstArrivalIsTheRow(t *testing.T) {
	h := newHarness(t, 1)
	id := uuid.Must(uuid.NewV7())
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	s := h.start()
	h.produce(0, beacon{id: id, at: noon.Add(time.Second), body: `{"arrival":2}`})
	s.await(1)
	h.produce(0, beacon{id: id, at: noon, body: `{"arrival":1}`})
	s.await(2)
	h.expect(1, 2)
	if data := h.Query("SELECT data FROM db.beacons")[0][0]; data != `{"arrival":1}` {
		t.Errorf("the row is %s, want the first arrival", data)
	}
}

func TestSink_NewDatabase_HasTheSameRows(t *testing.T) {
	h := newHarness(t, 2)
	h.produce(0, numbered(0, 100)...)
	h.produce(1, numbered(100, 100)...)
	s := h.start()
	s.await(200)
	h.Query("CREATE DATABASE copy")
	replay := h.start(func(o *Options) { o.Target.Database = "copy" })
	replay.await(200)
	if n := h.Number("SELECT count() FROM (SELECT * FROM db.beacons EXCEPT SELECT * FROM copy.beacons)"); n != 0 {
		t.Errorf("%d rows of the replay differ", n)
	}
	if n := h.Number("SELECT count() FROM copy.beacons"); n != 200 {
		t.Errorf("%d rows after the replay, want 200", n)
	}
}

func TestSink_Erasure_HoldsInReplays(t *testing.T) {
	h := newHarness(t, 2)
	ids := h.produce(0, numbered(0, 10)...)
	other := h.produce(1, numbered(10, 10)...)
	s := h.start()
	s.await(20)
	if err := kafka.Erase(t.Context(), h.log, "test", []uuid.UUID{ids[3], other[4]}); err != nil {
		t.Fatal(err)
	}
	s.await(22)
	h.expect(18, 18)
	// A collector ships an erased beacon again.
	h.produce(0, beacon{id: ids[3], body: `{"number":3}`}, beacon{body: `{"number":99}`})
	s.await(24)
	h.expect(19, 19)
	s.crash()
	h.start()
	h.produce(1, numbered(100, 1)...)
	h.awaitRows("db", 20)

	h.Query("CREATE DATABASE copy")
	replay := h.start(func(o *Options) { o.Target.Database = "copy" })
	replay.await(25) // 23 beacons, and the erasure in both partitions
	if n := h.Number("SELECT count() FROM copy.beacons"); n != 20 {
		t.Errorf("%d rows after the replay, want 20", n)
	}
}
