package collect_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

func TestTail_StreamFilter_BeaconsAndCountsAreOfItsStreams(t *testing.T) {
	for _, x := range []struct {
		filter string
		last   int
		want   []string // the beacons before the first count
		total  float64  // in the first count
		then   string   // the next beacon
	}{
		{"", 3, []string{"/blog 4", "/shop/pay 4", "/shop 4"}, 15, "/blog 5"},
		{"/shop", 9, []string{"/shop 0", "/shop 1", "/shop 2", "/shop 3", "/shop 4"}, 5, "/shop 5"},
		{"/shop", 2, []string{"/shop 3", "/shop 4"}, 5, "/shop 5"},
		{"/shop", 0, nil, 5, "/shop 5"},
		{"/shop*", 2, []string{"/shop/pay 4", "/shop 4"}, 10, "/shop/pay 5"},
		{"pay", 1, []string{"/shop/pay 4"}, 5, "/shop/pay 5"},
		{"/none", 9, nil, 0, ""},
	} {
		t.Run(fmt.Sprintf("%s_%d", x.filter, x.last), func(t *testing.T) {
			_, at := open(t, collect.Options{})
			post := func(i int) {
				for _, stream := range []string{"/blog", "/shop/pay", "/shop"} {
					do(t, "POST", at+stream+"?n=x", fmt.Sprint(i), "Content-Type", "text/plain")
				}
			}
			for i := range 5 {
				post(i)
			}
			events := tail(t, at+"/-/tail?"+url.Values{"last": {fmt.Sprint(x.last)}, "stream": {x.filter}}.Encode())
			var got []string
			for e := range events {
				if e.name == "beacon" {
					got = append(got, fmt.Sprint(e.data["stream"], " ", e.data["text"]))
				}
				if e.name != "count" {
					continue
				}
				if e.data["total"] != x.total {
					t.Errorf("the first count has the total %v, want %v", e.data["total"], x.total)
				}
				break
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("before the first count: got %q, want %q", got, x.want)
			}
			post(5)
			if x.then == "" {
				return
			}
			for e := range events {
				if e.name == "beacon" {
					if got := fmt.Sprint(e.data["stream"], " ", e.data["text"]); got != x.then {
						t.Errorf("the next beacon is %s, want %s", got, x.then)
					}
					break
				}
			}
		})
	}
}
