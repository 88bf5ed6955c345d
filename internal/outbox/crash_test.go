package outbox

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

const crashVar = "BEACON_TEST_CRASH"

// The initialization of a variable comes before init, in which a deliverer takes its role.
var _ = func() bool {
	if os.Getenv(crashVar) != "" && os.Getenv(roleVar) != "" {
		os.Exit(1)
	}
	return true
}()

func appendTo(t *testing.T, b *Outbox, to string) {
	t.Helper()
	var targets Targets
	target, err := targets.Get(to, "", func() (*url.Url, error) { return weburl.Parse(to) })
	if err != nil {
		t.Fatal(err)
	}
	d := NewDraft()
	defer d.Release()
	d.Header = AppendHeader(d.Header, DefaultUserAgent, "", nil)
	if err := d.Encode(http.MethodPost, target, "", []byte("x"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := b.Append(d.Record); err != nil {
		t.Fatal(err)
	}
}

// Each deliverer dies before it takes its role. This process delivers all beacons, also when the start limit is
// reached.
func TestDeliverer_DiesBeforeItsRole_ProcessDelivers(t *testing.T) {
	t.Setenv(crashVar, "1")
	Detach()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer s.Close()
	var log proctest.Buffer
	b, err := Open(Config{Dir: proctest.OutboxDir(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := range 3 * freeStarts {
		appendTo(t, b, s.URL)
		proctest.Eventually(t, func() error {
			if n, err := b.Waiting(); err != nil || n > 0 {
				return fmt.Errorf("beacon %d is not delivered: %d wait, %v\n%s", i, n, err, log.String())
			}
			return nil
		})
	}
	if !strings.Contains(log.String(), "deliverer ended early") {
		t.Errorf("no deliverer has died: %s", log.String())
	}
}
