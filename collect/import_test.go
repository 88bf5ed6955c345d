package collect

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func sample(n int) warc.Record {
	return warc.Record{
		ID: uuid.NewSHA1(uuid.Nil, []byte{byte(n)}), Date: time.Date(2026, 11, 22, 6, 20, n, 0, time.UTC), Target: "http://127.0.0.1:8080/x", IP: "203.0.113.0",
		Request: warc.Request{Method: "POST", Target: "/x", Proto: "HTTP/1.1", Header: warc.Fields{{Name: "Host", Value: "x"}}, Body: []byte(fmt.Sprint("body ", n))},
	}
}

func encoded(t testing.TB, records ...warc.Record) (b []byte) {
	t.Helper()
	for _, r := range records {
		var err error
		if b, err = r.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// keeping is a collector that gives its records to keep.
func keeping(keep func(records []byte) error) *Collector {
	return newCollector(Options{}.orDefault(), keep)
}

// kept imports a file and returns the records that were kept.
func kept(t testing.TB, file []byte) (result imported, records []warc.Record) {
	t.Helper()
	var b []byte
	if err := result.from(bytes.NewReader(file), keeping(func(records []byte) error {
		b = append(b, records...)
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		r, n, err := warc.Parse(b)
		if err != nil {
			t.Fatalf("what is kept is damaged: %v: %q", err, b)
		}
		records, b = append(records, r), b[n:]
	}
	return result, records
}

// TestWhatIsImportedIsAsPrivate compares imported records with the rules for requests.
func TestWhatIsImportedIsAsPrivate(t *testing.T) {
	for _, x := range []struct {
		options                 Options
		imported                int64
		ip, agent, address, via string
	}{
		{Options{}, 1, "203.0.113.0", "Somebody/1", "", ""},
		{Options{Address: AddressKept}, 1, "203.0.113.7", "Somebody/1", "", ""},
		{Options{KeepHeader: []string{"X-VIA"}}, 1, "203.0.113.0", "Somebody/1", "", "by 203.0.113.7"},
		{Options{KeepHeader: []string{"X-VIA"}, OptOut: OptOutAnonymous}, 1, "", "", "", ""},
		{Options{Address: AddressDropped}, 1, "", "Somebody/1", "", ""},
		{Options{Address: AddressHashed}, 1, "", "Somebody/1", "hash", ""},
		{Options{OptOut: OptOutAnonymous}, 1, "", "", "", ""},
		{Options{OptOut: OptOutRefuse}, 0, "", "", "", ""},
	} {
		r := sample(1)
		r.IP = "203.0.113.7"
		r.Request.Header = append(r.Request.Header, warc.Field{Name: "user-agent", Value: "Somebody/1"}, warc.Field{Name: "dnt", Value: "1"}, warc.Field{Name: "x-via", Value: "by 203.0.113.7"})
		file, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got warc.Record
		var result imported
		err = result.from(bytes.NewReader(file), newCollector(x.options.orDefault(), func(b []byte) error {
			got, _, err = warc.Parse(bytes.Clone(b))
			return err
		}))
		if err != nil || result.Imported != x.imported || result.Imported+result.Skipped != 1 {
			t.Errorf("%+v: %+v %v", x.options, result, err)
		}
		if got.IP != x.ip || got.Request.Header.Get("User-Agent") != x.agent || (got.Extra.Get(row.AddressField) != "") != (x.address != "") || got.Request.Header.Get("X-Via") != x.via {
			t.Errorf("%+v: %+v", x.options, got)
		}
	}
}

func TestAnImportedHashIsAHash(t *testing.T) {
	for _, x := range []struct {
		address     Address
		given, want string
	}{
		{AddressTruncated, "0123456789abcdef", "0123456789abcdef"},
		{AddressTruncated, "203.0.113.7", ""},
		{AddressDropped, "0123456789abcdef", ""},
	} {
		r := sample(1)
		r.Extra = warc.Fields{{Name: row.AddressField, Value: x.given}}
		newCollector(Options{Address: x.address}.orDefault(), nil).scrub(&r, time.Now())
		if got := r.Extra.Get(row.AddressField); got != x.want {
			t.Errorf("%v of %s: %q", x.address, x.given, got)
		}
	}
}

func TestWhatIsImportedIsKeptByTheRules(t *testing.T) {
	r := sample(1)
	r.IP = "2001:db8:1:2::3"
	r.Extra = warc.Fields{{Name: "Beacon-Origin", Value: "https://example.com"}, {Name: row.BatchField, Value: "yes"}}
	for _, name := range append(NeverStored(), "X-Forwarded-For", "Akamai-Client-IP", "X-Anything") {
		r.Request.Header = append(r.Request.Header, warc.Field{Name: strings.ToLower(name), Value: "secret"}, warc.Field{Name: strings.ToUpper(name), Value: "secret"})
	}
	r.Request.Header = append(r.Request.Header, warc.Field{Name: "content-type", Value: "text/plain"})
	_, records := kept(t, encoded(t, r))
	if len(records) != 1 {
		t.Fatal(records)
	}
	got := records[0]
	want := r
	want.IP = "2001:db8:1::"
	want.Extra = warc.Fields{{Name: row.BatchField, Value: "yes"}, {Name: row.ImportedField, Value: "yes"}}
	want.Request.Header = warc.Fields{{Name: "Host", Value: "x"}, {Name: "content-type", Value: "text/plain"}}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for ip, want := range map[string]string{"203.0.113.7": "203.0.113.0", "::ffff:203.0.113.7": "203.0.113.0", "": "", "x": "", "fe80::1%eth0": "fe80::"} {
		r.IP = ip
		if _, records := kept(t, encoded(t, r)); len(records) != 1 || records[0].IP != want {
			t.Errorf("%q: %v", ip, records)
		}
	}
}

func TestAFlippedBitCostsOneRecord(t *testing.T) {
	file := encoded(t, sample(1), sample(2), sample(3))
	for at := range file {
		for bit := range 8 {
			file[at] ^= 1 << bit
			result, records := kept(t, file)
			if sum := result.Imported + result.Skipped + result.Damaged; sum != 3 || result.Imported < 2 || int(result.Imported) != len(records) {
				t.Fatalf("bit %d of byte %d, %q: %+v", bit, at, file[max(0, at-20):at+1], result)
			}
			file[at] ^= 1 << bit
		}
	}
}

func TestAnImportIsOverWhenAllIsOnDisk(t *testing.T) {
	var file []byte
	size := 0
	for n := range 5 {
		r := sample(n)
		r.Request.Body = bytes.Repeat([]byte("x"), importBatch/2)
		file = append(file, encoded(t, r)...)
		r.Extra = append(r.Extra, warc.Field{Name: row.ImportedField, Value: "yes"})
		size += len(encoded(t, r))
	}
	synctest.Test(t, func(t *testing.T) {
		onDisk, calls := 0, 0
		var result imported
		if err := result.from(bytes.NewReader(file), keeping(func(b []byte) error {
			time.Sleep(time.Second) // a disk
			onDisk += len(b)
			calls++
			return nil
		})); err != nil || result.Imported != 5 || onDisk != size || calls != 3 {
			t.Errorf("%+v, %d bytes of %d on disk, in %d writes: %v", result, onDisk, size, calls, err)
		}
	})
	full := errors.New("no space left")
	calls := 0
	var result imported
	if err := result.from(bytes.NewReader(file), keeping(func([]byte) error {
		if calls++; calls == 2 {
			return full
		}
		return nil
	})); !errors.Is(err, full) || result.Imported != 2 || calls != 2 {
		t.Errorf("the disk is full at the second write: %+v after %d: %v", result, calls, err)
	}
}

func FuzzImport(f *testing.F) {
	secret := sample(1)
	secret.IP = "203.0.113.7"
	secret.Request.Header = append(secret.Request.Header, warc.Field{Name: "Cookie", Value: "a=b"})
	f.Add(encoded(f, sample(1), secret))
	f.Add([]byte("WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 1\r\n\r\nx\r\n\r\nWARC/1.0\r\nWARC-Type: request\r\nWARC-Date: 2026-11-22T06:20:11Z\r\n" +
		"WARC-Record-ID: <urn:uuid:01932e4f-7c1a-7b3e-9f7c-0242ac120002>\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		result, records := kept(t, file)
		if int(result.Imported) != len(records) {
			t.Fatalf("%+v, and %d are kept", result, len(records))
		}
		there := int64(0)
		for s := warc.NewStream(bytes.NewReader(file)); ; there++ {
			if _, err := s.Next(); err != nil {
				break
			}
		}
		if sum := result.Imported + result.Skipped + result.Damaged; sum != there {
			t.Fatalf("%+v of %d", result, there)
		}
		for _, r := range records {
			for _, h := range r.Request.Header {
				name := http.CanonicalHeaderKey(h.Name)
				if storedHeaders[name] == nil {
					t.Fatalf("%s is stored: %q", h.Name, r)
				}
			}
			if r.IP != "" && !strings.HasSuffix(r.IP, ".0") && !strings.HasSuffix(r.IP, "::") {
				t.Fatalf("the address %s is kept", r.IP)
			}
		}
	})
}

func TestImport_RequestsBelowOperators_AreSkipped(t *testing.T) {
	var records []warc.Record
	for i, target := range []string{"/-/metrics", "/-/", "http://127.0.0.1:8080/-/query?sql=select", "/-", "/x/-/y", "/-x"} {
		r := sample(i)
		r.Request.Target = target
		records = append(records, r)
	}
	result, got := kept(t, encoded(t, records...))
	if result.Skipped != 3 || result.Imported != 3 || len(got) != 3 || got[0].Request.Target != "/-" {
		t.Errorf("got %+v and %d records, want the first 3 skipped", result, len(got))
	}
}
