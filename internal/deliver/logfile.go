package deliver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// logName is the file of an outbox in which detached deliverers log. Programs relay it to their own
	// loggers.
	logName = "log"
	// logMost is the size in bytes beyond which the file is begun anew; the one before stays as log.old.
	logMost = 256 << 10
	// logRate is how many lines are written in a second. The others are counted.
	logRate = 100
)

// NewLog returns a logger that appends to the log of the outbox in dir: a JSON object a line.
func NewLog(dir string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(&logFile{path: filepath.Join(dir, logName)}, nil))
}

// A logFile is a log for the handler of one process.
type logFile struct {
	path string

	mu      sync.Mutex
	second  int64 // Unix time
	lines   int   // in that second
	left    int   // that were not written
	written int64 // size of the file
	file    *os.File
}

// Write writes a line, or counts it. An error has nowhere to go.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Unix() != l.second {
		if l.left > 0 {
			text, _ := json.Marshal(map[string]any{"time": now, "level": "WARN", "msg": "deliverer logs too much: lines are left out", "lines": l.left})
			l.append(append(text, '\n'))
		}
		l.second, l.lines, l.left = now.Unix(), 0, 0
	}
	if l.lines++; l.lines > logRate {
		l.left++
		return len(line), nil
	}
	l.append(line)
	return len(line), nil
}

func (l *logFile) append(line []byte) {
	if l.file != nil && l.written > logMost {
		l.file.Close()
		l.file = nil
		os.Rename(l.path, l.path+".old")
	}
	if l.file == nil {
		f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		l.file = f
		if info, err := f.Stat(); err == nil {
			l.written = info.Size()
		}
	}
	n, _ := l.file.Write(line)
	l.written += int64(n)
}

// A Relay passes on what detached deliverers log for an outbox. It is safe for concurrent use.
type Relay struct {
	path string

	mu     sync.Mutex
	offset int64
}

// NewRelay returns a relay of the outbox in dir.
func NewRelay(dir string) *Relay { return &Relay{path: filepath.Join(dir, logName)} }

// Skip passes over the lines that there are.
func (r *Relay) Skip() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offset = 0
	if info, err := os.Stat(r.path); err == nil {
		r.offset = info.Size()
	}
}

// Next logs the lines since the last call of Skip or Next.
func (r *Relay) Next(to *slog.Logger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.path)
	if err != nil || info.Size() == r.offset {
		return
	}
	if info.Size() < r.offset { // it was begun anew
		r.relay(r.path+".old", to)
		r.offset = 0
	}
	r.relay(r.path, to)
}

func (r *Relay) relay(path string, to *slog.Logger) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, r.offset, 2*logMost))
	if err != nil {
		return
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1] // the next line may not be whole
	r.offset += int64(len(text))
	for line := range bytes.Lines(text) {
		var fields map[string]any
		if json.Unmarshal(line, &fields) != nil {
			continue
		}
		var level slog.Level
		text, _ := fields[slog.LevelKey].(string)
		level.UnmarshalText([]byte(text))
		message, _ := fields[slog.MessageKey].(string)
		var attrs []slog.Attr
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if name != slog.LevelKey && name != slog.MessageKey && name != slog.TimeKey {
				attrs = append(attrs, slog.Any(name, fields[name]))
			}
		}
		to.LogAttrs(context.Background(), level, message, attrs...)
	}
}
