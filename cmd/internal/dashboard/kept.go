package dashboard

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// keptAnswers has the answers of the last minute, and those about past days, which are in files too.
type keptAnswers struct {
	dir string // "" for none

	mu      sync.Mutex
	entries map[string]*keptAnswer
	bytes   int
	cleaned time.Time
}

// A keptAnswer is an answer and what it depends on.
type keptAnswer struct {
	Revision int64     `json:"revision"` // of the table
	At       time.Time `json:"at"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to,omitzero"` // zero for an answer of the last minute
	Answer   *Answer   `json:"answer"`
	size     int
}

const (
	// maxKeptBytes is how many bytes of answers are in memory, counted as JSON.
	maxKeptBytes = 24 << 20
	// keptFor is how long the file of an answer stays that nobody asked for. The last 30 days are another answer each day.
	keptFor = 3 * 24 * time.Hour
)

// get returns the answer of h, or nil.
func (k *keptAnswers) get(h *half, now time.Time, state State) *Answer {
	k.mu.Lock()
	e := k.entries[h.key]
	k.mu.Unlock()
	if e == nil && h.past {
		e = k.read(h.key)
	}
	switch {
	case e == nil:
		return nil
	case !h.past:
		if now.Sub(e.At).Abs() >= answerAge {
			return nil
		}
	case state.ChangedSince(e.Revision, e.From.Add(-margin), e.To.Add(margin)):
		return nil
	}
	return e.Answer
}

// put keeps the answer of h.
func (k *keptAnswers) put(h *half, now time.Time, state State, log *slog.Logger) {
	e := &keptAnswer{Revision: state.Revision(), At: now, From: h.scope.from, To: h.scope.to, Answer: h.answer}
	text, err := json.Marshal(e)
	if err != nil {
		log.Error("answer of a panel can't be kept", "error", err)
		return
	}
	e.size = len(text)
	if h.past && k.dir != "" {
		if err := k.write(h.key, text, now); err != nil {
			log.Warn("answer of a panel is not kept on disk", "error", err)
		}
	}
	k.remember(h.key, e, now)
}

// remember adds an entry in memory. The oldest go if there are too many.
func (k *keptAnswers) remember(key string, e *keptAnswer, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.entries[key]; old != nil {
		k.bytes -= old.size
	}
	k.entries[key] = e
	k.bytes += e.size
	for k.bytes > maxKeptBytes && len(k.entries) > 1 {
		oldest := ""
		for name, x := range k.entries {
			if name != key && (oldest == "" || x.At.Before(k.entries[oldest].At)) {
				oldest = name
			}
		}
		k.bytes -= k.entries[oldest].size
		delete(k.entries, oldest)
	}
}

func (k *keptAnswers) file(key string) string { return filepath.Join(k.dir, key+".json") }

// read returns the entry of a file, or nil. Its time of change is when it was last asked for.
func (k *keptAnswers) read(key string) *keptAnswer {
	if k.dir == "" {
		return nil
	}
	text, err := os.ReadFile(k.file(key))
	if err != nil {
		return nil
	}
	e := &keptAnswer{size: len(text)}
	if json.Unmarshal(text, e) != nil || e.Answer == nil {
		return nil
	}
	now := time.Now()
	os.Chtimes(k.file(key), now, now)
	e.At = now
	k.remember(key, e, now)
	return e
}

func (k *keptAnswers) write(key string, text []byte, now time.Time) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	k.clean(now)
	name := k.file(key)
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// clean deletes, once an hour, the files that were not asked for lately.
func (k *keptAnswers) clean(now time.Time) {
	k.mu.Lock()
	due := now.Sub(k.cleaned).Abs() >= time.Hour
	if due {
		k.cleaned = now
	}
	k.mu.Unlock()
	if !due {
		return
	}
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasSuffix(e.Name(), ".json") && now.Sub(info.ModTime()) > keptFor {
			os.Remove(filepath.Join(k.dir, e.Name()))
		}
	}
}
