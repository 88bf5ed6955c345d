// Package impatient gives up on clients that read nothing of their answer, which holds memory,
// files or disk meanwhile.
package impatient

import (
	"net/http"
	"time"
)

// Patience is how long a client may read nothing.
const Patience = 30 * time.Second

// A Writer writes an answer, and fails once its client reads nothing for 30 s.
type Writer struct {
	w        http.ResponseWriter
	conn     *http.ResponseController
	patience time.Duration
}

// NewWriter returns the Writer of a request's answer. It is for one goroutine, the handler's.
func NewWriter(w http.ResponseWriter) *Writer {
	return &Writer{w, http.NewResponseController(w), Patience}
}

func (w *Writer) Write(p []byte) (int, error) {
	w.wait()
	return w.w.Write(p)
}

// Flush sends what is buffered. It is not that of http.Flusher, which says nothing of errors.
func (w *Writer) Flush() error {
	w.wait()
	return w.conn.Flush()
}

// wait begins the time anew.
func (w *Writer) wait() { w.conn.SetWriteDeadline(time.Now().Add(w.patience)) }
