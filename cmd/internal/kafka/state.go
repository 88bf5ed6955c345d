package kafka

import (
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A state is what the clients say about the brokers. It is a logger of the library too, because no hook says
// why a broker refuses a batch for now.
type state struct {
	o *Options

	mu        sync.Mutex
	connected bool
	err       error
	at        time.Time
	retries   int64
}

// failed notes why something failed.
func (s *state) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.at = err, time.Now()
}

// get returns the state, with the number of retries added to n.
func (s *state) get(n int64) (connected bool, failed string, at time.Time, retries int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		failed, at = s.err.Error(), s.at
	}
	return s.connected, failed, at, n + s.retries
}

// OnBrokerConnect is a hook of the library.
func (s *state) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected = err == nil; err != nil {
		s.err, s.at = s.o.explain(err), time.Now()
	}
}

// OnBrokerE2E is a hook of the library, called after each request.
func (s *state) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := e2e.Err()
	if s.connected = err == nil; err != nil {
		s.err, s.at = s.o.explain(err), time.Now()
		if key == int16(kmsg.Produce) {
			s.retries++
		}
	}
}

// worked notes a success.
func (s *state) worked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.at = nil, time.Time{}
}

// Level is part of the library's logger.
func (s *state) Level() kgo.LogLevel { return kgo.LogLevelDebug }

// Log is part of the library's logger. One message says why a broker refuses batches for now: the library
// retries those. All other errors arrive as the outcome of a record, or at a hook.
func (s *state) Log(_ kgo.LogLevel, message string, fields ...any) {
	if message != "produced" {
		return
	}
	for i := 0; i+1 < len(fields); i += 2 {
		text, _ := fields[i+1].(string)
		if err := refusal(text); fields[i] == "to" && err != nil {
			s.mu.Lock()
			s.err, s.at = s.o.explain(err), time.Now()
			s.retries += int64(strings.Count(text, retrying))
			s.mu.Unlock()
		}
	}
}

const retrying = "{retrying@"

// refusal returns the first error in the library's text about a request, such as
// "topic[0{retrying@-1,1(NOT_ENOUGH_REPLICAS: …)}, 1{4=>9}]".
func refusal(text string) error {
	_, text, ok := strings.Cut(text, retrying)
	if !ok {
		return nil
	}
	_, text, _ = strings.Cut(text, "(")
	text, _, _ = strings.Cut(text, ")}")
	name, _, _ := strings.Cut(text, ":")
	for code := range int16(200) {
		var known *kerr.Error
		if errors.As(kerr.ErrorForCode(code), &known) && known.Message == name {
			return known
		}
	}
	return errors.New(text)
}
