package deliver

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// Records of a newer format wait beside others, past their expiry and under orders. The run ends in time
// for a program that knows the format.
func TestScan_NewerFormat_IsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = status(204)
		h.d.Idle = 0 // it would run on
		h.send("http://a/", "newer", warc.Field{Name: FormatField, Value: "4"}, expiresIn(5*time.Second))
		h.send("http://a/", "of this version", warc.Field{Name: FormatField, Value: Format})
		h.send("http://a/", "without a format")
		before, err := os.ReadFile(h.segment())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			time.Sleep(20 * time.Second)
			if n := h.order(Order{Flush: true}); n != 0 {
				t.Errorf("flush counts %d beacons", n)
			}
		}()
		h.runFor(time.Hour)
		if took := time.Since(began); took < newerTime || took > newerTime+time.Second {
			t.Errorf("the run took %v, want %v", took, newerTime)
		}
		s := h.status()
		if s.Outcomes[spool.Delivered] != 2 || s.Pending != 1 || s.Accepted() != 3 {
			t.Errorf("got %+v", s)
		}
		after, err := os.ReadFile(h.segment())
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("the segment has changed: %v", err)
		}
		w := ReadWaits(h.box.Dir())
		err = spool.List(h.box.Dir(), false, func(l *spool.Listed) bool {
			if why := w.Of(&l.Record).Error; !strings.Contains(why, "newer version") {
				t.Errorf("reason: %q", why)
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
	})
}
