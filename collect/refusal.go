package collect

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// A refusal is why a beacon is not kept.
type refusal struct {
	reason string // as the metrics have it
	status int
	wait   time.Duration // after which it may be sent again, or 0
	text   string        // what to do about it
}

func (no *refusal) answer(w http.ResponseWriter) {
	if no.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(no.wait.Seconds()))))
	}
	http.Error(w, no.text, no.status)
}
