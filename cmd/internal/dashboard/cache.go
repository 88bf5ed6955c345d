package dashboard

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// answerCache has the answers of the last minute, and those about past days, which are in files too.
type answerCache struct {
	dir string // "" for none

	mu      sync.Mutex
	entries map[string]*cachedAnswer
	bytes   int
	cleaned time.Time
}

// A cachedAnswer is an answer and what it depends on.
type cachedAnswer struct {
	Revision int64     `json:"revision"` // of the table
	At       time.Time `json:"at"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to,omitzero"`    // zero if it is open
	Until    time.Time `json:"until,omitzero"` // when an answer about today is too old
	Answer   *Answer   `json:"answer"`
	size     int
}

const (
	// maxCachedBytes is how many bytes of answers are in memory, counted as JSON. In Go they take up to three times as much.
	maxCachedBytes = 12 << 20
	// keptFor is how long the file of an answer stays after it was last read. The last 30 days are another answer each day.
	keptFor = 3 * 24 * time.Hour
)

// get returns the answer of h, or nil.
func (k *answerCache) get(h *half, now time.Time, state State) *Answer {
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
		if now.Before(e.At) || !now.Before(e.Until) {
			return nil
		}
	case state.ChangedSince(e.Revision, e.From.Add(-reach), e.To.Add(reach)):
		k.forget(h.key) // it may have what was erased
		return nil
	}
	return e.Answer
}

// forget deletes an answer.
func (k *answerCache) forget(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[key]; e != nil {
		k.bytes -= e.size
		delete(k.entries, key)
	}
	if k.dir != "" {
		os.Remove(k.file(key))
	}
}

// put keeps the answer of h, which came so long after its page was asked for.
func (k *answerCache) put(h *half, now time.Time, took time.Duration, state State, log *slog.Logger) {
	if h.past && !state.Complete() {
		return
	}
	e := &cachedAnswer{Revision: state.Revision(), At: now, From: h.scope.from, To: h.scope.to, Until: now.Add(min(answerUse*took, answerAge)), Answer: h.answer}
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
func (k *answerCache) remember(key string, e *cachedAnswer, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.entries[key]; old != nil {
		k.bytes -= old.size
	}
	k.entries[key] = e
	k.bytes += e.size
	for k.bytes > maxCachedBytes && len(k.entries) > 1 {
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

// clear deletes all answers.
func (k *answerCache) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.entries)
	k.bytes = 0
	if k.dir != "" {
		os.RemoveAll(k.dir)
	}
}

func (k *answerCache) file(key string) string { return filepath.Join(k.dir, key+".json") }

// read returns the entry of a file, or nil. Its time of change is when it was last asked for.
func (k *answerCache) read(key string) *cachedAnswer {
	if k.dir == "" {
		return nil
	}
	text, err := os.ReadFile(k.file(key))
	if err != nil {
		return nil
	}
	e := &cachedAnswer{size: len(text)}
	if json.Unmarshal(text, e) != nil || e.Answer == nil || !e.Answer.complete() {
		return nil
	}
	now := time.Now()
	os.Chtimes(k.file(key), now, now)
	e.At = now
	k.remember(key, e, now)
	return e
}

func (k *answerCache) write(key string, text []byte, now time.Time) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	k.clean(now)
	file, err := os.CreateTemp(k.dir, "new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), k.file(key))
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

// clean deletes, once an hour, the files that were not asked for lately.
func (k *answerCache) clean(now time.Time) {
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
		if err == nil && now.Sub(info.ModTime()) > keptFor {
			os.Remove(filepath.Join(k.dir, e.Name()))
		}
	}
}
