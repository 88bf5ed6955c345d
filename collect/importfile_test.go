package collect

import (
	"bytes"
	"encoding/binary"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// zstded returns each part as a frame.
func zstded(t *testing.T, options []zstd.EOption, parts ...[]byte) (b []byte) {
	t.Helper()
	e, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		b = e.EncodeAll(part, b)
	}
	return b
}

func TestImport_Zstd_IsRead(t *testing.T) {
	one, two := encoded(t, sample(1)), encoded(t, sample(2))
	dictionary, err := zstd.BuildDict(zstd.BuildDictOptions{ID: 1, Contents: [][]byte{one, two, encoded(t, sample(3))}, History: bytes.Repeat(one, 20), Offsets: [3]int{1, 4, 8}})
	if err != nil {
		t.Fatal(err)
	}
	frame := func(content []byte) []byte {
		return append(binary.LittleEndian.AppendUint32(bytes.Clone(zstdDictionary), uint32(len(content))), content...)
	}
	withDictionary := zstded(t, []zstd.EOption{zstd.WithEncoderDict(dictionary)}, one, two)
	for name, file := range map[string][]byte{
		"one frame":               zstded(t, nil, append(bytes.Clone(one), two...)),
		"a frame for each record": zstded(t, nil, one, two),
		"a dictionary":            append(frame(dictionary), withDictionary...),
		"a compressed dictionary": append(frame(zstded(t, nil, dictionary)), withDictionary...),
	} {
		result, records := kept(t, file)
		if result.Imported != 2 || result.Damaged != 0 || len(records) != 2 || string(records[1].Request.Body) != "body 2" {
			t.Errorf("%s: got %+v, %d records", name, result, len(records))
		}
	}
}

func TestImport_FileThatIsNotSupported_SaysWhatToDo(t *testing.T) {
	for file, says := range map[string]string{
		"PK\x03\x04rest": "import the .warc.gz files of its folder archive",
		string(zstdDictionary) + "\xff\xff\xff\xff": "over the limit",
		string(zstdDictionary) + "\x09\x00\x00\x00": "cut short",
		string(zstdFrame) + "\xff\xff\xff\xff":      "",
	} {
		var result imported
		err := result.from(strings.NewReader(file), keeping(func([]byte) error { return nil }))
		if err == nil || !strings.Contains(err.Error(), says) || result.Imported != 0 {
			t.Errorf("%q: got %v, %+v, want %q", file, err, result, says)
		}
	}
}

func TestImport_DateOfTheFuture_LeavesTheLiveViewAlone(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	future := sample(1)
	future.Date = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	var result imported
	if err := result.from(bytes.NewReader(encoded(t, future)), c); err != nil || result.Imported != 1 {
		t.Fatal(err, result)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("POST", "/live", strings.NewReader("x")))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	counts := c.recent.counts(time.Now(), nil)
	beacons, _, _ := c.recent.since(0)
	if age := time.Now().Unix() - counts.Now; age < 0 || age > 120 || len(beacons) != 1 || beacons[0].Request.Target != "/live" {
		t.Errorf("got the minute %v and %d beacons", time.Unix(counts.Now, 0), len(beacons))
	}
}
