//go:build unix

package spool

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

func TestASnapshotIsWhatWasThere(t *testing.T) {
	in := newInbox(t, osFS{}, 700) // two records to a segment
	var want strings.Builder
	for i := range 5 {
		record := encoded(t, fmt.Sprint(i))
		want.Write(record)
		if err := in.Append(record); err != nil {
			t.Fatal(err)
		}
	}
	s, err := in.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := in.Append(encoded(t, "later")); err != nil {
		t.Fatal(err)
	}
	names, err := listSegments(in.fs, in.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(in.dir + "/" + names[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(s); err != nil || string(got) != want.String() || s.Size != int64(len(got)) {
		t.Errorf("%v, size %d\ngot  %q\nwant %q", err, s.Size, got, &want)
	}
}
