package beacon_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func TestDeliverer_ReachesServer_StartsAreReset(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := proctest.OutboxDir(t)
	run(t, outbox, d.URL, "exit")
	d.wait(t, 1)
	proctest.Eventually(t, func() error {
		starts, err := os.ReadFile(filepath.Join(outbox, "lock"))
		if err == nil && len(starts) > 0 {
			err = fmt.Errorf("%s", starts)
		}
		return err
	})
}

// The program has a pipe besides its standard files. The server answers when the pipe's reader has seen its end.
func TestDeliverer_ProgramInheritedAFile_DoesNotHoldIt(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	ended, end := context.WithCancel(ctx)
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended.Done() })
	cmd := command(proctest.OutboxDir(t), d.URL, "exit")
	inherit(t, cmd, w)
	err = cmd.Run()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer end()
		io.Copy(io.Discard, r)
	}()
	<-ended.Done()
	if ctx.Err() != nil {
		t.Error("the pipe has no end: the deliverer has it open")
	}
	d.wait(t, 1)
}
