package deliver

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// ids returns the ids of the beacons that wait, by their body.
func (h *harness) ids() map[string]uuid.UUID {
	all := map[string]uuid.UUID{}
	err := spool.List(h.box.Dir(), true, func(l *spool.Listed) bool {
		all[string(l.Record.Request.Body)] = l.Record.ID
		return true
	})
	if err != nil {
		h.t.Error(err)
	}
	return all
}

func (h *harness) order(o Order) int {
	h.t.Helper()
	n, err := Do(context.Background(), h.box, o, h.d.Log)
	if err != nil {
		h.t.Errorf("%+v: %v", o, err)
	}
	return n
}

// Each order is given to a running deliverer, and without one.
func TestOrder_WithAndWithoutDeliverer_TakesEffect(t *testing.T) {
	for _, running := range []bool{true, false} {
		for name, x := range map[string]struct {
			order   func(h *harness) Order
			n       int
			dropped int64
			pending int64
		}{
			"one":     {func(h *harness) Order { return Order{Drop: []uuid.UUID{h.ids()["b0"]}} }, 1, 1, 5},
			"several": {func(h *harness) Order { return Order{Drop: []uuid.UUID{h.ids()["b0"], h.ids()["a1"], uuid.New()}} }, 2, 2, 4},
			"origin":  {func(*harness) Order { return Order{DropOrigin: "http://a"} }, 3, 3, 3},
			"all":     {func(*harness) Order { return Order{DropAll: true} }, 6, 6, 0},
			"flush":   {func(*harness) Order { return Order{Flush: true} }, 6, 0, 6},
		} {
			t.Run(fmt.Sprintf("%s, deliverer runs: %v", name, running), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHarness(t)
					h.answer = status(503)
					for i := range 3 {
						h.send("http://a/", fmt.Sprintf("a%d", i))
						h.send("http://b/", fmt.Sprintf("b%d", i))
					}
					ended := make(chan bool)
					if running {
						go func() { h.runFor(time.Minute); close(ended) }()
						time.Sleep(5 * time.Second)
					} else {
						close(ended)
					}
					order := x.order(h)
					began, tried := time.Now(), h.number()
					n := h.order(order)
					if took := time.Since(began); took > time.Second {
						t.Errorf("it took %v", took)
					}
					time.Sleep(100 * time.Millisecond)
					if order.Flush && running && h.number() == tried {
						t.Error("flush tried nothing")
					}
					<-ended
					s := h.status()
					underWay := 0
					if order.Flush && running { // those are not tried again
						underWay = 2
					}
					if n > x.n || n < x.n-underWay || s.Outcomes[spool.Dropped] != x.dropped || s.Pending != x.pending || s.Accepted() != 6 {
						t.Errorf("got %d, want %d; %+v", n, x.n, s)
					}
				})
			})
		}
	}
}

func TestOrder_Dead_IsRetriedOrDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.answer = status(400)
		for i := range 4 {
			h.send("http://a/", fmt.Sprint(i))
		}
		h.runFor(time.Minute)
		if n := h.order(Order{Drop: []uuid.UUID{h.ids()["2"]}}); n != 1 {
			t.Errorf("%d of 1 dead beacon dropped", n)
		}
		if n := h.order(Order{Retry: true}); n != 3 {
			t.Errorf("%d of 3 dead beacons wait again", n)
		}
		h.runFor(time.Minute)
		if n := h.order(Order{DropDead: true}); n == 0 {
			t.Error("nothing dropped from dead/")
		}
		if s := h.status(); s.Outcomes[spool.Refused] != 4 || s.DeadFiles != 0 || len(h.requests) != 7 {
			t.Errorf("%+v after %d requests", s, len(h.requests))
		}
	})
}
