//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// kills is how often a test kills what it tests.
func kills(t *testing.T, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv("BEACON_KILLS"))
	if err != nil || n <= 0 {
		return otherwise
	}
	return n
}

// A load is four clients that post, each under a new key until it has an answer, as senders
// do.
type load struct {
	end     context.CancelFunc
	clients sync.WaitGroup

	mu           sync.Mutex
	sent         int
	refused      map[int]int // answers that were not 204, by status
	acknowledged map[string]bool
}

func startLoad(t *testing.T, address string) *load {
	ctx, end := context.WithCancel(t.Context())
	l := &load{end: end, refused: map[int]int{}, acknowledged: map[string]bool{}}
	client := &http.Client{Timeout: 30 * time.Second}
	for number := range 4 {
		l.clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := uuid.Must(uuid.NewV7()).String()
				body := fmt.Sprintf(`{"client":%d,"n":%d}`, number, n)
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
						break
					}
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	return l
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
	rows := s.query("select id from beacons where stream='/load'")
	seen := map[string]bool{}
	for _, row := range rows {
		id := row["id"].(string)
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
	}
	inbox, _, _ := s.p.beacon("export", "--server", s.URL)
	missing, kept := 0, 0
	for key := range l.acknowledged {
		if !seen[key] {
			missing++
			if strings.Contains(inbox, key) {
				kept++
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d got 204 and are not in the table, of which the inbox has %d", missing, kept)
	}
	t.Logf("%d sent, %d acknowledged, %d in the table; other answers: %v", l.sent, len(l.acknowledged), len(rows), l.refused)
	if len(l.acknowledged) < 100 {
		t.Errorf("only %d beacons were acknowledged: no load to speak of", len(l.acknowledged))
	}
}

// TestWhatGot204IsInTheTableOnce kills the collector under load, and starts it again, time
// after time.
func TestWhatGot204IsInTheTableOnce(t *testing.T) {
	p := newPlace(t)
	address := freeAddress(t)
	s := p.serve(address)
	l := startLoad(t, address)
	for range kills(t, 20) {
		time.Sleep(rand.N(300 * time.Millisecond))
		s.kill()
		s = p.serve(address)
	}
	time.Sleep(100 * time.Millisecond)
	l.arrived(t, s)
	s.stop()
}
