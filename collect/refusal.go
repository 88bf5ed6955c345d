package collect

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// A refusal is why a beacon is not kept, or an operator's request not answered.
type refusal struct {
	reason string // of a beacon, as the metrics have it
	status int
	wait   time.Duration // after which the request may be sent again, or 0
	text   string        // the problem, and what to do
}

func (no *refusal) answer(w http.ResponseWriter) {
	if no.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(no.wait.Seconds()))))
	}
	if no.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="beacon"`)
	}
	http.Error(w, no.text, no.status)
}
