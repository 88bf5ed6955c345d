//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package convert

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun_DamagedFile_ErrorOrAllRows(t *testing.T) {
	data := newData(t, schema, allKinds, usualRows(10_000, 3))
	path := filepath.Join(data, fileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for n := range 10 {
		b := append([]byte(nil), whole...)
		at := random.IntN(len(b))
		switch n {
		case 0:
			at = 20 // the header
		case 1:
			b = b[:len(b)/2]
			at = 0
		}
		for i := range min(16, len(b)-at) {
			b[at+i] ^= byte(1 + random.IntN(255))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		err := convertOnce(t.Context(), data, slog.New(slog.DiscardHandler), nil)
		switch files, _ := filepath.Glob(filepath.Join(data, "table", "*.parquet")); {
		case err == nil: // the flipped bytes were not in use, or a value
			if Needed(data) {
				t.Errorf("flipped at %d: got no error and the file is there", at)
			}
			os.RemoveAll(filepath.Join(data, "table"))
		case !strings.Contains(err.Error(), "\nhint: ") || !Needed(data) || len(files) > 0:
			t.Errorf("flipped at %d: got %v, file there: %v, new files: %v; want an error with a hint, the file and no new files", at, err, Needed(data), files)
		default:
			refused++
		}
	}
	if refused < 2 {
		t.Errorf("refused: got %d of 10, want at least the damaged header and half a file", refused)
	}
}

func TestRun_OpenInAnotherProcess_SaysSo(t *testing.T) {
	data := newData(t, schema)
	db := openDB(t, filepath.Join(data, fileName))
	err := convertOnce(t.Context(), data, slog.New(slog.DiscardHandler), nil)
	if err == nil || !strings.Contains(err.Error(), "open in another process") {
		t.Errorf("got %v, want an error that says so", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	convert(t, data)
}

func TestRun_ContextDone_StopsAndStartsAgain(t *testing.T) {
	data := newData(t, schema, usualRows(20_000, 3))
	old := keepOld(t, data)
	ctx, stop := context.WithCancelCause(t.Context())
	reason := errors.New("the collector ends")
	err := convertOnce(ctx, data, slog.New(slog.DiscardHandler), func(int64, int64) { stop(reason) })
	if !errors.Is(err, reason) || !Needed(data) {
		t.Errorf("got %v, file there: %v; want %v and the file", err, Needed(data), reason)
	}
	convert(t, data)
	view, _ := openNew(t, data)
	compare(t, old, view)
}

func TestRows_ChildKilled_SaysHowItEnded(t *testing.T) {
	data := newData(t, schema, usualRows(20_000, 3))
	p, err := start(t.Context(), filepath.Join(data, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if _, err := p.header(); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, got := range p.rows() {
		if err = got; err != nil {
			break
		}
		if rows++; rows == 10 {
			p.cmd.Process.Kill()
		}
	}
	if err == nil || !strings.Contains(err.Error(), "killed") || rows < 10 || rows == 50_000 {
		t.Errorf("after %d rows: got %v, want an error that says that the process was killed", rows, err)
	}
}

func TestMain_ParentGone_Ends(t *testing.T) {
	data := newData(t, schema, usualRows(20_000, 3))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), exe, Role, filepath.Join(data, fileName))
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe() // which is not read, so that the child waits to write
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	in.Close()
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case err := <-ended:
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("exit: got %v, want status 1", err)
		}
	case <-time.After(20 * time.Second):
		child.Process.Kill()
		t.Error("the child runs 20 s after its stdin ended")
	}
}

// A collector is killed while it converts, 20 times. The last conversion runs to its end.
func TestRun_KilledAtRandom_EveryRowOnce(t *testing.T) {
	const kills = 20
	data := newData(t, schema, allKinds, usualRows(3000, 4), "update cursors set segment = '0001.warc', \"offset\" = 9")
	old := keepOld(t, data)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ended := 0
	most := 100 * time.Millisecond
	for range kills {
		whole := exec.Command(exe, wholeRole, data)
		var stderr strings.Builder
		whole.Stderr = &stderr
		began := time.Now()
		if err := whole.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(rand.N(most), func() { whole.Process.Kill() })
		err := whole.Wait()
		if kill.Stop() && err != nil {
			t.Fatalf("a conversion that was not killed: %v: %s", err, &stderr)
		}
		if err == nil {
			ended++
			most = time.Since(began)
		} else {
			most += most / 4
		}
		if !Needed(data) {
			// The file again, as where it could not be deleted.
			if err := os.Link(old, filepath.Join(data, fileName)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d of %d came to their end", ended, kills)
	convert(t, data)
	view, cursor := openNew(t, data)
	if cursor.Segment != "0001.warc" || cursor.Offset != 9 {
		t.Errorf("cursor: got %v, want 0001.warc 9", cursor)
	}
	compare(t, old, view)
}
