package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// commandLimit is how long a browser may take for one command, such as to load a page.
const commandLimit = time.Minute

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

// connect begins a session with the browser at url, which is the address that it printed.
func connect(ctx context.Context, url string) (*session, error) {
	conn, _, err := websocket.Dial(ctx, url+"/session", nil)
	if err != nil {
		return nil, fmt.Errorf("connect to the browser: %w", err)
	}
	conn.SetReadLimit(-1) // values of scripts have any size
	s := &session{conn: conn, waiting: map[int]chan message{}}
	go s.read()
	if err := s.command(ctx, "session.new", map[string]any{"capabilities": map[string]any{}}, nil); err != nil {
		conn.CloseNow()
		return nil, err
	}
	return s, nil
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

// A Tab is a tab of a browser. Its methods are safe for concurrent use.
type Tab struct {
	t       testing.TB
	session *session
	id      string
}

// openTab opens a tab, whose page is about:blank.
func (s *session) openTab(t testing.TB) (*Tab, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	for {
		var made struct{ Context string }
		err := s.command(ctx, "browsingContext.create", map[string]any{"type": "tab"}, &made)
		// Firefox waits until the tab before is hidden, and fails if that one is closed meanwhile.
		if refused := (commandError{}); errors.As(err, &refused) && refused.code == "no such frame" {
			continue
		}
		return &Tab{t, s, made.Context}, err
	}
}

// Navigate loads a page as if its URL were typed, and waits until it is loaded.
func (tab *Tab) Navigate(url string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	if err := tab.session.command(ctx, "browsingContext.navigate", map[string]any{"context": tab.id, "url": url, "wait": "complete"}, nil); err != nil {
		tab.t.Fatalf("open %s: %v", url, err)
	}
}

// Evaluate runs JavaScript in the tab's page and returns its value. It waits for the value of a
// promise. The value is nil, a string, a float64, a bool, a []any or a map[string]any. An exception, a
// value of another type and a closed tab are errors.
func (tab *Tab) Evaluate(js string) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	var done struct {
		Result           remoteValue
		ExceptionDetails *struct{ Text string }
	}
	err := tab.session.command(ctx, "script.evaluate", map[string]any{
		"expression": js, "target": map[string]any{"context": tab.id}, "awaitPromise": true,
	}, &done)
	switch {
	case err != nil:
		return nil, err
	case done.ExceptionDetails != nil:
		return nil, fmt.Errorf("script.evaluate: %s", done.ExceptionDetails.Text)
	}
	return done.Result.decode()
}

// Close closes the tab as its user does.
func (tab *Tab) Close() {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	if err := tab.session.command(ctx, "browsingContext.close", map[string]any{"context": tab.id}, nil); err != nil {
		tab.t.Fatalf("close a tab: %v", err)
	}
}

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
