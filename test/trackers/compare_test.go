package trackers

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A beacon is what has to be the same in a request and its row.
type beacon struct{ method, target, contentType, body string }

func (b beacon) String() string {
	return fmt.Sprintf("%s %.200s %s %.200q (%d bytes)", b.method, b.target, b.contentType, b.body, len(b.body))
}

// compare compares requests with the table: none is missing, none is there twice.
func compare(t *testing.T, c *collector, requests []*http.Request) {
	t.Helper()
	sent, kinds := map[beacon]int{}, map[string]int{}
	for _, r := range requests {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		contentType := r.Header.Get("Content-Type")
		sent[beacon{r.Method, r.RequestURI, contentType, string(body)}]++
		kinds[strings.TrimSpace(r.Method+" "+r.URL.Path+" "+contentType)]++
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%d × %s", kinds[kind], kind)
	}

	c.awaitRows(len(requests)) // the last beacon may be on its way
	kept := map[beacon]int{}
	for _, row := range c.query("select if(kind = 'pixel', 'GET', 'POST'), stream || coalesce('?' || query, ''), coalesce(content_type, ''), hex(body), coalesce(error, '') from beacons") {
		body, err := hex.DecodeString(row[3])
		if err != nil {
			t.Fatal(err)
		}
		b := beacon{row[0], row[1], row[2], string(body)}
		kept[b]++
		if row[4] != "" {
			t.Errorf("%v: %s", b, row[4])
		}
	}
	for b, times := range sent {
		if kept[b] != times {
			t.Errorf("sent %d times, in the table %d times: %v", times, kept[b], b)
		}
	}
	for b, times := range kept {
		if sent[b] == 0 {
			t.Errorf("never sent, in the table %d times: %v", times, b)
		}
	}
}
