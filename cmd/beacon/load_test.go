//go:build unix

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A load is clients that post, each beacon under a key until it has an answer, as senders do. Of
// some beacons the answer is lost, and they are sent again later.
type load struct {
	end     context.CancelFunc
	clients sync.WaitGroup

	mu           sync.Mutex
	sent         int
	refused      map[int]int // answers other than 204, by status
	acknowledged map[string]bool
}

// keyMakers are the kinds of keys that senders use.
var keyMakers = []func() string{
	func() string { return uuid.Must(uuid.NewV7()).String() },
	func() string { return shiftedUUID(-30 * 24 * time.Hour) },
	func() string { return shiftedUUID(30 * 24 * time.Hour) },
	func() string { return "order " + uuid.NewString() },
}

// shiftedUUID is a UUIDv7 of a sender whose clock is off.
func shiftedUUID(by time.Duration) string {
	id := uuid.Must(uuid.NewV7())
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(time.Now().Add(by).UnixMilli()))
	copy(id[:6], ms[2:])
	return id.String()
}

func startLoad(t *testing.T, address string) *load {
	ctx, end := context.WithCancel(t.Context())
	l := &load{end: end, refused: map[int]int{}, acknowledged: map[string]bool{}}
	client := &http.Client{Timeout: 30 * time.Second}
	for number, newKey := range keyMakers {
		l.clients.Go(func() {
			earlier := ""
			for ctx.Err() == nil {
				key := newKey()
				if rand.N(4) == 0 && earlier != "" {
					key = earlier
				}
				earlier = key
				l.post(ctx, client, address, key, number)
			}
		})
	}
	return l
}

// post sends a beacon until it has 204.
func (l *load) post(ctx context.Context, client *http.Client, address, key string, number int) {
	body := fmt.Sprintf(`{"client":%d,"key":%q}`, number, key)
	l.mu.Lock()
	l.sent++
	l.mu.Unlock()
	for ctx.Err() == nil {
		req, _ := http.NewRequest("POST", "http://"+address+"/load", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
		res, err := client.Do(req)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		res.Body.Close()
		l.mu.Lock()
		if res.StatusCode == http.StatusNoContent {
			l.acknowledged[key] = true
		} else {
			l.refused[res.StatusCode]++
		}
		l.mu.Unlock()
		if res.StatusCode == http.StatusNoContent {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *load) acknowledgedNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// arrived ends the load and looks for each beacon that got 204 in the table, once.
func (l *load) arrived(t *testing.T, s *server) {
	t.Helper()
	l.end()
	l.clients.Wait()
	rows := s.query("select data->>'key' as key from beacons where stream='/load'")
	seen := map[string]int{}
	for _, row := range rows {
		seen[row["key"].(string)]++
	}
	for key, n := range seen {
		if n > 1 {
			t.Errorf("key %s: %d rows, want 1", key, n)
		}
	}
	inbox, _, _ := s.p.beacon("export", "--server", s.URL)
	missing, kept := 0, 0
	for key := range l.acknowledged {
		if seen[key] == 0 {
			missing++
			if strings.Contains(inbox, key) {
				kept++
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d beacons got 204 and are not in the table; the inbox has %d of them", missing, kept)
	}
	t.Logf("%d sent, %d acknowledged, %d in the table; other answers: %v", l.sent, len(l.acknowledged), len(rows), l.refused)
	if len(l.acknowledged) < 100 {
		t.Errorf("%d beacons were acknowledged: too few for a load", len(l.acknowledged))
	}
}
