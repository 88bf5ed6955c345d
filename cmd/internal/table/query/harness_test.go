//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// roleVariable makes the test binary a query process, or another of the roles.
const roleVariable = "BEACON_QUERY_TEST_ROLE"

// roles are what the test binary does instead of tests.
var roles = map[string]func(){"child": Main}

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	roles[role]()
}

// testOptions run the test binary as the child.
func testOptions(t testing.TB) Options {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return Options{
		Command: []string{exe},
		Env:     []string{roleVariable + "=child"},
		Dir:     filepath.Join(dir, "table"),
		Temp:    filepath.Join(dir, "temp"),
		Timeout: 20 * time.Second,
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func newPool(t testing.TB, change ...func(*Options)) *Pool {
	t.Helper()
	o := testOptions(t)
	for _, c := range change {
		c(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// smallView is a table without files.
const smallView = `select '/deploys' as stream, '{"version":"1.2.3"}'::json as data, timestamptz '2026-11-22 06:20:11Z' as received_at`

// answer returns all rows of a query, a line each.
func answer(t testing.TB, p *Pool, r Request) (columns []string, lines string, err error) {
	t.Helper()
	if r.View == "" {
		r.View = smallView
	}
	rows, err := p.Query(t.Context(), r)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		all = append(all, string(rows.Row()))
	}
	return rows.Columns(), strings.Join(all, "\n"), rows.Err()
}

// want checks the rows of a query.
func want(t testing.TB, p *Pool, sql, lines string) {
	t.Helper()
	_, got, err := answer(t, p, Request{SQL: sql})
	if err != nil || got != lines {
		t.Errorf("%s\ngot  %s, %v\nwant %s", sql, got, err, lines)
	}
}
