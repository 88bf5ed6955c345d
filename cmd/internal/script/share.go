package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// fileName is the file of the share in the data folder.
const fileName = "script-share"

// A Share is the share of page views that the script sends. Operators lower it for a time, and it is 1 again after that
// time. It is kept in a file, so that a restart does not change it. Its methods are safe for concurrent use.
type Share struct {
	path string
	now  func() time.Time

	mu sync.Mutex
	s  Limit
}

// A Limit is a share from 0 to 1 and the time at which it ends.
type Limit struct {
	Share float64   `json:"share"`
	Until time.Time `json:"until,omitzero"`
}

// ErrLimit is wrapped by each error about a share or a time that cannot be used.
var ErrLimit = errors.New("share of page views")

// maxDuration is how long a share other than 1 lasts at most.
const maxDuration = 366 * 24 * time.Hour

// OpenShare reads the share from the data folder.
func OpenShare(folder string) (*Share, error) {
	s := &Share{path: filepath.Join(folder, fileName), now: time.Now, s: Limit{Share: 1}}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s.s)
	}
	if err == nil && !isShare(s.s.Share) {
		err = fmt.Errorf("the share is %v", s.s.Share)
	}
	if err != nil {
		return nil, fmt.Errorf("read the share of page views that the script sends: %s: %w: delete this file to send all", s.path, err)
	}
	return s, nil
}

func isShare(share float64) bool { return share >= 0 && share <= 1 && !math.IsNaN(share) }

// Now returns the share now.
func (s *Share) Now() float64 { return s.Limit().Share }

// Limit returns the share now and the time at which it ends, or the zero time for a share of 1.
func (s *Share) Limit() Limit {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.now().Before(s.s.Until) {
		return Limit{Share: 1}
	}
	return s.s
}

// Set sets the share for a time. A share of 1 has no end. Pages know of it within a minute.
func (s *Share) Set(share float64, duration time.Duration) (Limit, error) {
	switch {
	case !isShare(share):
		return Limit{}, fmt.Errorf("%w: it is a number from 0 to 1, such as 0.1", ErrLimit)
	case share < 1 && (duration <= 0 || duration > maxDuration):
		return Limit{}, fmt.Errorf("%w: a share below 1 ends after a time of at most a year: write it like 2h", ErrLimit)
	}
	limit := Limit{Share: share}
	if share < 1 {
		limit.Until = s.now().Add(duration).UTC().Truncate(time.Second)
	}
	text, err := json.Marshal(limit)
	if err != nil {
		return Limit{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.WriteFile(s.path+".new", append(text, '\n'), 0o600); err != nil {
		return Limit{}, err
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return Limit{}, err
	}
	s.s = limit
	return limit, nil
}
