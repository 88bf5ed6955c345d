//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// hostileTimeout is short, so that the queries that run into it don't make the test long.
	hostileTimeout = time.Second
	// hostileSlack is what a busy machine may add to a bound. Without a bound the queries take hours.
	hostileSlack = 30 * time.Second
)

func TestHostile_EachQuery_EndsInItsBoundAndOthersAreAnswered(t *testing.T) {
	p := newPool(t, func(o *Options) { o.Timeout = hostileTimeout })
	view := hostileTable(t, p)
	secret := filepath.Join(filepath.Dir(p.o.Dir), "secret.txt")
	other := filepath.Join(p.o.Temp, processPrefix+"other")
	if err := errors.Join(os.WriteFile(secret, []byte("secret\n1\n"), 0o600), os.Mkdir(other, 0o700)); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("SECRET", filepath.ToSlash(secret), "TABLE", filepath.ToSlash(p.o.Dir), "OTHER", filepath.ToSlash(other))
	files := tree(t, filepath.Dir(p.o.Dir), p.o.Temp)

	ctx, stop := context.WithCancel(t.Context())
	slowest := make(chan time.Duration, 1)
	go func() { slowest <- askOften(ctx, t, p, view) }()
	var workers sync.WaitGroup
	slots := make(chan struct{}, maxRunning-1)
	n := 0
	for _, group := range hostile {
		if group.name == "memory" && runtime.GOOS != "linux" {
			continue // memory_limit alone lets them take all memory of the machine
		}
		for _, sql := range group.queries {
			n++
			slots <- struct{}{}
			workers.Go(func() {
				defer func() { <-slots }()
				checkHostile(t, p, group.name, group.allowed, Request{SQL: names.Replace(sql), View: view})
			})
		}
	}
	workers.Wait()
	stop()
	t.Logf("%d hostile queries; slowest answer of the other user: %v; %+v", n, <-slowest, p.Stats())
	if n < 150 {
		t.Errorf("%d queries, want 150", n)
	}
	if left := tree(t, filepath.Dir(p.o.Dir), p.o.Temp); left != files {
		t.Errorf("files before:\n%s\nafter:\n%s", files, left)
	}
	checkMemory(t, p.o.Memory)
}

// checkHostile runs one query and checks how it ends. On a busy machine any query can take too much time, and then is
// run again.
func checkHostile(t *testing.T, p *Pool, name string, allowed []error, r Request) {
	var err error
	for range 3 {
		err = runHostile(t, p, name, r)
		for _, kind := range allowed {
			if errors.Is(err, kind) {
				return
			}
		}
		if !errors.Is(err, ErrTime) {
			break
		}
	}
	t.Errorf("%s: %.200s: got %.500v, want one of %v", name, r.SQL, err, allowed)
}

func runHostile(t *testing.T, p *Pool, name string, r Request) error {
	began := time.Now()
	rows, err := p.Query(t.Context(), r)
	if took := time.Since(began); took > hostileTimeout+grace+hostileSlack {
		t.Errorf("%s: %.200s took %v", name, r.SQL, took)
	}
	if err == nil {
		for rows.Next() {
			if strings.Contains(string(rows.Row()), "secret\\n1") {
				t.Errorf("%s: %.200s answers %s", name, r.SQL, rows.Row())
			}
		}
		err = rows.Err()
		rows.Close()
	}
	return err
}

// askOften is another user, and returns the longest that it waited for an answer.
func askOften(ctx context.Context, t *testing.T, p *Pool, view string) (slowest time.Duration) {
	for ctx.Err() == nil {
		began := time.Now()
		_, got, err := answer(t, p, Request{SQL: "select count(*) from beacons", View: view})
		took := time.Since(began)
		slowest = max(slowest, took)
		if err != nil || got != "[1000]" || took > hostileSlack {
			t.Errorf("the other user got %s, %v after %v", got, err, took)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return slowest
}

// hostileTable writes a table and returns its view. One beacon is 800 KB of brackets.
func hostileTable(t *testing.T, p *Pool) string {
	t.Helper()
	x, err := p.Export(t.Context(), Request{View: `select range as id, '/x' as stream, 'x'::blob as body,
		json_object('payload', case when range = 0 then repeat('[', 800000) else range::varchar end) as data from range(1000)`}, Parquet)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.o.Dir, "t.parquet")
	if err := errors.Join(os.Rename(x.Name(), path), x.Close()); err != nil {
		t.Fatal(err)
	}
	return "select * from read_parquet(['" + filepath.ToSlash(path) + "'])"
}

// tree lists the files below dir without those below except.
func tree(t *testing.T, dir, except string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if path == except {
			return filepath.SkipDir
		}
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}
