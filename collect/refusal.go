package collect

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// A refusal is the reason and the answer for a beacon that is not stored, or for a request to an admin
// endpoint that is not let through.
type refusal struct {
	reason string // of a beacon: the metric's label
	status int
	wait   time.Duration // for Retry-After, rounded up to seconds; 0 for none
	text   string        // the problem, then what to do
}

// answer writes the refusal as the answer of a request.
func (no *refusal) answer(w http.ResponseWriter) {
	if no.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(no.wait.Seconds()))))
	}
	if no.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="beacon"`)
	}
	http.Error(w, no.text, no.status)
}
