package deliver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// Tracking is forbidden while one beacon is under way and others wait.
func TestForbidTracking_BeaconUnderWayFails_IsPurged(t *testing.T) {
	for name, answer := range map[string]answer{"503": status(503), "no answer": hang, "200": status(200)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t)
				h.answer = after(10*time.Second, answer)
				honor := warc.Field{Name: HonorField, Value: "1"}
				h.send("http://a/", "honors", honor)
				h.send("http://b/", "does not")
				go func() {
					time.Sleep(5 * time.Second)
					if err := spool.ForbidTracking(h.box.Dir()); err != nil {
						t.Error(err)
					}
				}()
				h.runFor(3 * time.Minute)
				s := h.status()
				delivered, purged := s.Outcomes[spool.Delivered], s.Outcomes[spool.Purged]
				if name == "200" && delivered != 2 || name != "200" && (purged != 1 || s.Pending != 1) {
					t.Errorf("got %+v", s)
				}
			})
		})
	}
}
