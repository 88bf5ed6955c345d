package beacon_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// The server answers after the program's end.
func TestSend_ProgramEnds_BeaconArrives(t *testing.T) {
	for _, end := range ends {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			ended, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended.Done() })
			took, out := run(t, proctest.OutboxDir(t), d.URL, end)
			if ended.Err() != nil {
				t.Errorf("the program waited for its deliverer: %v (%s)", took, out)
			}
			cancel()
			d.wait(t, 1)
		})
	}
}

func TestSend_ServerStartsLater_BeaconArrives(t *testing.T) {
	for _, end := range []string{"exit", "killed", "late start"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := listener.Addr().String()
			listener.Close()
			outbox := proctest.OutboxDir(t)
			run(t, outbox, "http://"+address, end)
			proctest.Eventually(t, func() error {
				s, err := beacon.ReadStatus(outbox)
				if err == nil && (len(s.Lanes) == 0 || s.Lanes[0].LastError == "") {
					err = fmt.Errorf("no attempt has failed: %+v", s)
				}
				return err
			})
			if listener, err = net.Listen("tcp", address); err != nil {
				t.Fatal(err)
			}
			n := 1
			if end == "late start" {
				n = 2
			}
			newDesk(t, listener, nil).wait(t, n)
		})
	}
}

func TestSend_SendersShareOutbox_OwnCapacityCounts(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := proctest.OutboxDir(t)
	large := open(t, beacon.Config{Dir: outbox})
	small := open(t, beacon.Config{Dir: outbox, Capacity: 1})
	if err := large.Send(d.URL, "x"); err != nil {
		t.Error(err)
	}
	if err := small.Send(d.URL, make([]byte, 60_000)); !errors.Is(err, beacon.ErrFull) {
		t.Errorf("a beacon over the capacity of its sender: got %v, want ErrFull", err)
	}
	d.wait(t, 1)
}

func TestSend_ProxyChanges_EachBeaconLeavesByItsOwn(t *testing.T) {
	proxy := newDesk(t, nil, nil)
	t.Setenv("HTTP_PROXY", proxy.URL)
	n := open(t, beacon.Config{})
	if err := n.Send("http://collector.example/through-a-proxy", "x"); err != nil {
		t.Fatal(err)
	}
	proxy.wait(t, 1)
	other := newDesk(t, nil, nil)
	t.Setenv("HTTP_PROXY", other.URL)
	n.Send("http://collector.example/through-a-proxy", "x")
	other.wait(t, 1)
}

func TestSend_InProcess_AllArrive(t *testing.T) {
	d := newDesk(t, nil, nil)
	n := open(t, beacon.Config{})
	for i := range 100 {
		if err := n.Send(d.URL, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := n.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	d.wait(t, 100)
}

func TestSend_BodyOverLimit_ReturnsErrTooLarge(t *testing.T) {
	d := newDesk(t, nil, nil)
	const limit = 1 << 20
	for _, n := range []*beacon.Sender{open(t, beacon.Config{}), open(t, beacon.Config{MaxBody: 1000})} {
		most := limit
		if n.Send(d.URL, make([]byte, 1001)) != nil {
			most = 1000
		}
		for _, size := range []int{0, 1, most, most + 1, 2 * most} {
			err := n.Send(d.URL, make([]byte, size))
			if (err == nil) != (size <= most) || err != nil && !errors.Is(err, beacon.ErrTooLarge) {
				t.Errorf("limit %d, %d bytes: got %v", most, size, err)
			}
			if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("body has %d bytes", size)) {
				t.Errorf("limit %d, %d bytes: the error does not say so: %v", most, size, err)
			}
		}
	}
	if err := open(t, beacon.Config{}).Send("http://a.example/"+strings.Repeat("x", 64<<10), nil); !errors.Is(err, beacon.ErrTooLarge) {
		t.Errorf("a URL over 64 KiB: got %v", err)
	}
}

func TestOpen_OutboxIsAFile_ReturnsError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	if s, err := beacon.Open(beacon.Config{Dir: filepath.Join(file, "outbox")}); s != nil || err == nil {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestStart_ConfigIsWrong_SendReturnsItsError(t *testing.T) {
	if _, out := run(t, proctest.OutboxDir(t), "http://127.0.0.1:1/", "wrong config"); out != "" {
		t.Error(out)
	}
}
