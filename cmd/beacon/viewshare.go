package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"
)

// viewShareFile is the file of a viewShare in the data folder.
const viewShareFile = "view-share"

// maxShareTime is how long a share below 1 lasts at most.
const maxShareTime = 366 * 24 * time.Hour

// A viewShare is the share of page views that the browser script sends. An operator lowers it for a time. It is kept in a
// file and survives a restart. Its methods are safe for concurrent use.
type viewShare struct {
	path string
	now  func() time.Time

	mu sync.Mutex
	s  timedShare
}

// A timedShare is a share from 0 to 1 and its end, which is zero for a share of 1.
type timedShare struct {
	Share float64   `json:"share"`
	Until time.Time `json:"until,omitzero"`
}

// errShare is wrapped by each error about a share or a time that cannot be used.
var errShare = errors.New("set the share of page views")

// openViewShare reads the share from the data folder. It is 1 if the file is missing or damaged.
func openViewShare(folder string, log *slog.Logger) *viewShare {
	v := &viewShare{path: filepath.Join(folder, viewShareFile), now: time.Now, s: timedShare{Share: 1}}
	text, err := os.ReadFile(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		return v
	}
	var s timedShare
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil && !isShare(s.Share) {
		err = fmt.Errorf("the share is %v", s.Share)
	}
	if err != nil {
		log.Warn("pages send all page views, because the file of the share can't be read", "file", v.path, "error", err, "hint", "set it again with 'beacon sample'")
		return v
	}
	v.s = s
	return v
}

func isShare(share float64) bool { return share >= 0 && share <= 1 && !math.IsNaN(share) }

// get returns the share that applies now, and its end.
func (v *viewShare) get() timedShare {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.now().Before(v.s.Until) {
		return timedShare{Share: 1}
	}
	return v.s
}

// set stores a share for a duration. A share of 1 has no end, and duration is ignored. Errors about the arguments wrap
// errShare.
func (v *viewShare) set(share float64, duration time.Duration) error {
	s := timedShare{Share: share}
	switch {
	case !isShare(share):
		return fmt.Errorf("%w: write a number from 0 to 1, such as 0.1", errShare)
	case share == 1:
	case duration <= 0 || duration > maxShareTime:
		return fmt.Errorf("%w: a share below 1 needs a time of at most 366 days, such as 2h", errShare)
	default:
		s.Until = v.now().Add(duration).UTC().Truncate(time.Second)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := durable.Replace(v.path, append(text, '\n')); err != nil {
		return err
	}
	v.s = s
	return nil
}
