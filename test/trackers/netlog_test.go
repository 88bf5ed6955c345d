package trackers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
)

// A netLog is what Chromium writes with --log-net-log: every byte that left on every socket, and what it was before TLS.
// Unlike the events of DevTools, it has the requests that leave after their page has ended.
type netLog struct {
	Constants struct {
		LogEventTypes map[string]int `json:"logEventTypes"`
	} `json:"constants"`
	Events []struct {
		Type   int `json:"type"`
		Source struct {
			ID int `json:"id"`
		} `json:"source"`
		Params struct {
			Address string `json:"address"` // of a socket's other end
			Bytes   []byte `json:"bytes"`
		} `json:"params"`
	} `json:"events"`
}

// requestsTo returns the requests that left for an address whole. If secure is true, they left by TLS.
func requestsTo(t *testing.T, path, address string, secure bool) (requests []request) {
	t.Helper()
	var log netLog
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &log)
	}
	if err != nil {
		t.Fatalf("the browser's log: %v", err)
	}
	kind := log.Constants.LogEventTypes
	bytesSent := kind["SOCKET_BYTES_SENT"]
	if secure {
		bytesSent = kind["SSL_SOCKET_BYTES_SENT"]
	}
	sent := map[int]*bytes.Buffer{} // by socket
	for _, e := range log.Events {
		switch e.Type {
		case kind["TCP_CONNECT_ATTEMPT"]:
			if e.Params.Address == address {
				sent[e.Source.ID] = new(bytes.Buffer)
			}
		case bytesSent:
			if b := sent[e.Source.ID]; b != nil {
				b.Write(e.Params.Bytes)
			}
		}
	}
	for _, b := range sent {
		for r := bufio.NewReader(b); ; {
			req, err := http.ReadRequest(r)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("the browser's log: %v", err)
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Logf("%s %s was cut short by the browser", req.Method, req.RequestURI)
				break
			}
			requests = append(requests, request{req.Method, req.RequestURI, req.Header.Get("Content-Type"), string(body)})
		}
	}
	return requests
}
