package main

import (
	"io"
	"net/http"
	"time"
)

// sendPatience is how long a client may read nothing of what takes memory or disk meanwhile.
const sendPatience = 30 * time.Second

// impatient gives up on a client that reads nothing for so long.
type impatient struct {
	io.Writer
	conn     *http.ResponseController
	patience time.Duration
}

func (w impatient) Write(p []byte) (int, error) {
	w.conn.SetWriteDeadline(time.Now().Add(w.patience))
	return w.Writer.Write(p)
}
