//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// TestMain is also the program that TestEveryBeaconIsOneRowAfterKills kills: a sink
// that drains the data directory named in its environment until it dies.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BEACON_TEST_DRAIN"); dir != "" {
		fmt.Fprintln(os.Stderr, "drain:", drainForever(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func drainForever(dir string) error {
	in, err := spool.OpenInbox(filepath.Join(dir, "inbox"))
	if err != nil {
		return err
	}
	db, err := Open(filepath.Join(dir, "db", "beacons.duckdb"))
	if err != nil {
		return err
	}
	fmt.Println("draining")
	return db.Drain(context.Background(), in)
}

func TestEveryBeaconIsOneRowAfterKills(t *testing.T) {
	kills := 5
	if s := os.Getenv("BEACON_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t)
	b.closeDB()
	random := rand.New(rand.NewPCG(1, uint64(kills)))
	count := 0
	for range kills {
		// Thousands of new beacons, and some that were sent before; fewer where there
		// are many kills.
		for range max(75/kills, 1) {
			records := make([]warc.Record, 0, 1010)
			for range 1000 {
				records = append(records, record(count, "application/json", fmt.Sprintf(`{"n":%d}`, count)))
				count++
			}
			for range 10 {
				records = append(records, record(random.IntN(count), "application/json", `"sent again"`))
			}
			b.put(records...)
		}
		b.closeInbox()
		kill(t, b.dir, time.Duration(random.Int64N(int64(300*time.Millisecond))))
		b.openInbox()
	}
	b.openDB()
	before := b.ask("select count(*) from beacons")
	stop := b.drain()
	b.caughtUp()
	stop()
	t.Logf("%d beacons, of which the killed sinks had stored %s", count, before)
	b.want("select count(*), count(distinct id), count(*) filter (data->>'n' = substr(id::varchar, 25)::bigint::varchar), count(error) from beacons",
		fmt.Sprintf("%d | %d | %d | 0", count, count, count))
}

// kill runs a sink and kills it after some time.
func kill(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BEACON_TEST_DRAIN="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var line [64]byte
	if n, err := out.Read(line[:]); err != nil || n == 0 {
		t.Errorf("the sink did not start: %v", err)
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 1 {
		t.Errorf("the sink ended by itself: %v", err)
	}
}
