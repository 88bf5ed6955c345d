package deliver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func TestOriginOf(t *testing.T) {
	for href, want := range map[string]string{
		"http://a/b":                 "http://a",
		"https://u:p@a:8443/x@y?z#f": "https://a:8443",
		"http://[::1]:80?q":          "http://[::1]:80",
	} {
		if got := originOf(href); got != want {
			t.Errorf("%s: %s", href, got)
		}
	}
}

func TestADeadOriginHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.hole = "http://dead/"
		o.answer = status(204)
		for i := range 200 {
			o.send("http://dead/", fmt.Sprint(i))
		}
		for i := range 50 {
			o.send("http://alive/", fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		o.run(ctx)
		dead := 0
		for _, a := range o.attempts {
			if a.url == "http://dead/" {
				dead++
			} else if a.at > time.Second {
				t.Errorf("the living origin waited %v", a.at)
			}
		}
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 50 || s.Pending != 200 {
			t.Errorf("%+v", s)
		}
		// As many as may be when nothing is known yet, then one at a time.
		if dead > unknown+10*60/30 {
			t.Errorf("%d attempts at a dead origin in ten minutes", dead)
		}
	})
}

func TestOneBeaconThatAlwaysFailsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(_ int, q fetch.Request) (fetch.Response, error) {
			if string(q.Body) == "poison" {
				return fetch.Response{Status: 500}, nil
			}
			return fetch.Response{Status: 204}, nil
		}
		o.send("http://a/", "poison")
		for i := range 100 {
			o.send("http://a/", fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		o.run(ctx)
		poison := 0
		for _, a := range o.attempts {
			if a.body == "poison" {
				poison++
			}
		}
		if s := o.outcomes(); s.Outcomes[spool.Delivered] != 100 || s.Pending != 1 || poison > 20 {
			t.Errorf("%+v, and %d attempts with the poison", s, poison)
		}
	})
}

func TestABoundedNumberAtATimeToAllOrigins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.answer = func(int, fetch.Request) (fetch.Response, error) {
			time.Sleep(time.Second)
			return fetch.Response{Status: 204}, nil
		}
		for i := range 2*inAll + 1 {
			o.send(fmt.Sprintf("http://%d/", i), "x")
		}
		o.run(t.Context())
		bySecond := map[time.Duration]int{}
		for _, a := range o.attempts {
			bySecond[a.at.Truncate(time.Second)]++
		}
		if bySecond[0] != inAll || bySecond[time.Second] != inAll || bySecond[2*time.Second] != 1 {
			t.Errorf("%v", bySecond)
		}
	})
}

func TestABoundedNumberAtATimeToOneOriginAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		now, most := 0, 0
		o.answer = func(n int, _ fetch.Request) (fetch.Response, error) {
			o.mu.Lock()
			now++
			most = max(most, now)
			o.mu.Unlock()
			time.Sleep(time.Second)
			o.mu.Lock()
			now--
			o.mu.Unlock()
			return fetch.Response{Status: 204}, nil
		}
		for i := range unknown + 4*PerOrigin {
			o.send("http://a/", fmt.Sprintf("%02d", i))
		}
		o.run(t.Context())
		if most != PerOrigin {
			t.Errorf("%d at a time", most)
		}
		// A second each, those of one second in any order.
		slices.SortStableFunc(o.attempts, func(a, b attempt) int {
			return cmp.Or(cmp.Compare(a.at.Truncate(time.Second), b.at.Truncate(time.Second)), cmp.Compare(a.body, b.body))
		})
		for i, a := range o.attempts {
			if a.body != fmt.Sprintf("%02d", i) {
				t.Fatalf("not in order: %v", o.attempts)
			}
		}
		if last := o.attempts[len(o.attempts)-1].at; last > 5*time.Second {
			t.Errorf("took %v", last)
		}
	})
}
