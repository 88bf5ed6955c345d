package clickhouse

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestSink_KeyOnAnotherDay_IsOneRow(t *testing.T) {
	day := time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name     string
		arrivals []time.Duration // since the beginning of day, in the order of the topic
		key      string
		rows     int
	}{
		{"keyed, same day", []time.Duration{time.Hour, 2 * time.Hour}, "k", 1},
		{"keyed, next day", []time.Duration{23 * time.Hour, 25 * time.Hour}, "k", 1},
		{"keyed, the day before is shipped later", []time.Duration{25 * time.Hour, 23 * time.Hour}, "k", 1},
		{"keyed, after 48 h", []time.Duration{23 * time.Hour, 72 * time.Hour}, "k", 2},
		{"keyed, three days", []time.Duration{time.Hour, 26 * time.Hour, 48 * time.Hour}, "k", 1},
		{"without key", []time.Duration{23 * time.Hour, 25 * time.Hour}, "", 2},
	}
	h := newHarness(t, 1)
	s := h.start()
	records, repeated := int64(0), int64(0)
	for _, together := range []bool{false, true} {
		for _, test := range tests {
			id := uuid.New() // random, as those of other senders
			var all []beacon
			for _, after := range test.arrivals {
				all = append(all, beacon{id: id, at: day.Add(after), body: `[1,2]`, key: test.key, batch: true})
			}
			for i := range all {
				if !together {
					h.produce(0, all[i])
					records++
					s.await(records)
				} else if i == 0 {
					h.produce(0, all...)
					records += int64(len(all))
					s.await(records)
				}
			}
			// A batch has two rows with ids of their own.
			n := h.Number("SELECT count() FROM db.beacons")
			if n != 2*test.rows {
				t.Errorf("%s, together %v: %d rows, want %d", test.name, together, n, 2*test.rows)
			}
			h.Query("TRUNCATE TABLE db.beacons_raw")
		}
	}
	if repeated = s.Stats().Repeated; repeated != 8 {
		t.Errorf("%d records were left out, want 8", repeated)
	}
}

func TestIsRepetition_Times(t *testing.T) {
	const hour = int64(3600 * 1e6)
	tests := []struct {
		a, b int64
		want bool
	}{{0, hour, false}, {-hour, hour, true}, {23 * hour, 71 * hour, true}, {23 * hour, 72 * hour, false}, {25 * hour, 23 * hour, true}, {-25 * hour, -23 * hour, true}}
	for _, test := range tests {
		if have := isRepetition(test.a, test.b); have != test.want {
			t.Errorf("isRepetition(%d, %d) is %v, want %v", test.a, test.b, have, test.want)
		}
	}
}
