//go:build unix

package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/coder/websocket"
)

// A session is a WebDriver BiDi session, the only one of its browser. Its methods are safe for
// concurrent use.
type session struct {
	conn *websocket.Conn

	mu      sync.Mutex
	last    int                  // id of the last command
	waiting map[int]chan message // commands without an answer, by id
	ended   error                // why the connection ended; nil while it is open
}

// A message is an answer of the browser, or an event, which has no id (WebDriver BiDi, "Protocol").
type message struct {
	ID      *int            `json:"id"`
	Type    string          `json:"type"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
}

// connect begins a session with the browser at url, which is the address that it printed. It returns the
// browser's name and version too.
func connect(ctx context.Context, url string) (s *session, version string, err error) {
	conn, _, err := websocket.Dial(ctx, url+"/session", nil)
	if err != nil {
		return nil, "", fmt.Errorf("connect to the browser: %w", err)
	}
	conn.SetReadLimit(-1) // values of scripts have any size
	s = &session{conn: conn, waiting: map[int]chan message{}}
	go s.read()
	var began struct {
		Capabilities struct{ BrowserName, BrowserVersion string }
	}
	if err := s.command(ctx, "session.new", map[string]any{"capabilities": map[string]any{}}, &began); err != nil {
		conn.CloseNow()
		return nil, "", err
	}
	return s, began.Capabilities.BrowserName + " " + began.Capabilities.BrowserVersion, nil
}

// read passes each answer to its command, until the connection ends.
func (s *session) read() {
	for {
		_, text, err := s.conn.Read(context.Background())
		var m message
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		s.mu.Lock()
		if err != nil {
			s.ended = err
			for _, answer := range s.waiting {
				close(answer)
			}
			s.mu.Unlock()
			s.conn.CloseNow()
			return
		}
		if m.ID != nil {
			if answer := s.waiting[*m.ID]; answer != nil {
				answer <- m
				delete(s.waiting, *m.ID)
			}
		}
		s.mu.Unlock()
	}
}

// command sends a command and decodes the result of its answer into result, unless that is nil.
func (s *session) command(ctx context.Context, method string, params map[string]any, result any) error {
	answer := make(chan message, 1)
	s.mu.Lock()
	if s.ended != nil {
		s.mu.Unlock()
		return fmt.Errorf("%s: the browser is gone: %w", method, s.ended)
	}
	s.last++
	id := s.last
	s.waiting[id] = answer
	s.mu.Unlock()

	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err == nil {
		err = s.conn.Write(ctx, websocket.MessageText, text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m, open := <-answer:
		switch {
		case !open:
			return fmt.Errorf("%s: the browser is gone: %w", method, s.ended)
		case m.Type != "success":
			return fmt.Errorf("%s: %w", method, commandError{m.Error, m.Message})
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: no answer: %w", method, ctx.Err())
	}
}

// A commandError is the browser's answer to a command that failed. The codes are those of the standard
// (WebDriver BiDi, "Errors").
type commandError struct{ code, message string }

func (e commandError) Error() string { return e.code + ": " + e.message }

// A remoteValue is a value of a script (WebDriver BiDi, "script.RemoteValue").
type remoteValue struct {
	Type  string
	Value json.RawMessage
}

func (v remoteValue) decode() (any, error) {
	switch v.Type {
	case "undefined", "null":
		return nil, nil
	case "string", "boolean":
		var value any
		err := json.Unmarshal(v.Value, &value)
		return value, err
	case "number":
		var number float64
		if json.Unmarshal(v.Value, &number) == nil {
			return number, nil
		}
		var text string // NaN, -0, Infinity, -Infinity
		if err := json.Unmarshal(v.Value, &text); err != nil {
			return nil, err
		}
		return strconv.ParseFloat(text, 64)
	case "array":
		var members []remoteValue
		if err := json.Unmarshal(v.Value, &members); err != nil {
			return nil, err
		}
		values := make([]any, len(members))
		for i, member := range members {
			value, err := member.decode()
			if err != nil {
				return nil, err
			}
			values[i] = value
		}
		return values, nil
	case "object":
		var members [][2]json.RawMessage
		if err := json.Unmarshal(v.Value, &members); err != nil {
			return nil, err
		}
		values := make(map[string]any, len(members))
		for _, member := range members {
			var name string
			var inner remoteValue
			if err := json.Unmarshal(member[0], &name); err != nil {
				return nil, err
			}
			if err := json.Unmarshal(member[1], &inner); err != nil {
				return nil, err
			}
			value, err := inner.decode()
			if err != nil {
				return nil, err
			}
			values[name] = value
		}
		return values, nil
	}
	return nil, fmt.Errorf("script.evaluate: the value is of the type %s: return a string, a number, an array or an object", v.Type)
}
