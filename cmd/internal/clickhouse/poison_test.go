package clickhouse

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/test/clickhousetest"
)

// refuseRows adds a constraint to the raw table that refuses rows whose body has the word poison.
func (h *harness) refuseRows() {
	h.Helper()
	s := h.start()
	h.produce(0, numbered(-1, 1)...)
	s.await(1)
	s.stop()
	h.Query("ALTER TABLE db.beacons_raw ADD CONSTRAINT healthy CHECK position(coalesce(data, ''), 'poison') = 0")
}

func TestSink_RowsRefused_AreDeadAndOthersAreRows(t *testing.T) {
	h := newHarness(t, 1)
	h.refuseRows()
	beacons := numbered(0, 300)
	for _, i := range []int{0, 1, 150, 299} {
		beacons[i].body = fmt.Sprintf(`{"poison":%d}`, i)
	}
	ids := h.produce(0, beacons...)
	s := h.start()
	s.await(300)
	h.expect(297, 297) // with the one of refuseRows
	if st := s.Stats(); st.Dead != 4 || st.Rows != 296 || st.Retries != 0 {
		t.Errorf("stats %+v, want 4 dead, 296 rows and no retries", st)
	}
	dead := h.Query("SELECT log_offset, ids[1], position(record, '{\"poison\":'||toString(log_offset - 1)||'}') > 0, position(reason, 'VIOLATED_CONSTRAINT') > 0 FROM db.beacons_dead FINAL ORDER BY 1")
	for n, i := range []int{0, 1, 150, 299} {
		want := fmt.Sprintf("%d %v 1 1", i+1, ids[i])
		if len(dead) != 4 || strings.Join(dead[n], " ") != want {
			t.Errorf("the dead records are %v, want %s", dead, want)
		}
	}
	if err := kafka.Erase(t.Context(), h.log, "test", []uuid.UUID{ids[150]}); err != nil {
		t.Fatal(err)
	}
	s.await(301)
	if n := h.Number("SELECT count() FROM db.beacons_dead FINAL"); n != 3 {
		t.Errorf("%d dead records after one was erased, want 3", n)
	}
}

// refusePoison returns a function that answers INSERTs that have the word poison with an error of a code that is not known.
func refusePoison(h *harness) clickhousetest.InterceptFunc {
	return func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		if !strings.Contains(r.URL.Query().Get("query"), "_raw") {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if !strings.Contains(string(body), "poison") {
			return false
		}
		return clickhousetest.Refuse("9999", "A new kind of error. (NEW)")(w, r, nil)
	}
}

func TestSink_UnclearErrorOfOneRow_IsDead(t *testing.T) {
	h := newHarness(t, 1)
	h.Intercept(refusePoison(h))
	beacons := numbered(0, 8)
	beacons[0].body = `"poison"`
	h.produce(0, beacons...)
	s := h.start()
	s.await(8)
	h.expect(7, 7)
	if st := s.Stats(); st.Dead != 1 {
		t.Errorf("%d records are dead, want 1", st.Dead)
	}
}

func TestSink_UnclearErrorOfAllRows_IsRetried(t *testing.T) {
	h := newHarness(t, 1)
	h.Intercept(refusePoison(h))
	h.produce(0, beacon{body: `"poison"`})
	s := h.start()
	h.awaitLog(errNotRows.Error())
	h.Intercept(nil)
	s.await(1)
	h.expect(1, 1)
	if st := s.Stats(); st.Dead != 0 {
		t.Errorf("%d records are dead, want 0", st.Dead)
	}
}

func TestJudge_Errors_AreOfTheirKind(t *testing.T) {
	tests := []struct {
		err  error
		want verdict
	}{
		{io.ErrUnexpectedEOF, stateFails},
		{&Error{Status: 502, Text: "bad gateway"}, stateFails},
		{fmt.Errorf("x: %w", &Error{Status: 500, Code: tooManyParts, Text: "Too many parts"}), stateFails},
		{&Error{Status: 500, Code: tooManyParts, Text: "Too many partitions for single INSERT block"}, tooLarge},
		{&Error{Status: 500, Code: memoryLimit}, tooLarge},
		{&Error{Status: 403, Code: authenticationFailed}, stateFails},
		{&Error{Status: 500, Code: 469}, rowsFail},
		{&Error{Status: 500, Code: 117}, rowsFail},
		{&Error{Status: 500, Code: 9999}, unclear},
	}
	for _, test := range tests {
		if have := judge(test.err); have != test.want {
			t.Errorf("judge(%v) is %d, want %d", test.err, have, test.want)
		}
	}
}
