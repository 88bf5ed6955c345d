package collect_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"image"
	"image/gif"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// token is that of the collectors that open returns.
const token = "s3cret-t0ken"

func open(t *testing.T, o collect.Options) (*collect.Collector, string) {
	t.Helper()
	return openIn(t, filepath.Join(t.TempDir(), "data"), o)
}

func openIn(t *testing.T, dir string, o collect.Options) (*collect.Collector, string) {
	t.Helper()
	o.Token = token
	c, err := collect.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return c, s.URL
}

func do(t *testing.T, method, url, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// records is what is in the inbox.
func records(t *testing.T, c *collect.Collector) (all []warc.Record) {
	t.Helper()
	r := c.Inbox().Reader(spool.Cursor{})
	defer r.Close()
	for {
		it, err := r.TryNext()
		if err == io.EOF {
			return all
		}
		if err != nil || it.Damage != nil {
			t.Fatal(err, it.Damage)
		}
		it.Record.Request.Body = []byte(string(it.Record.Request.Body))
		all = append(all, it.Record)
	}
}

func TestABeaconIsKeptAsItCame(t *testing.T) {
	c, url := open(t, collect.Options{})
	res := do(t, "POST", url+"/shop/cart?x=1&y=%20", "a\x00b\xff", "Content-Type", "text/plain", "Origin", "https://shop.example", "X-Thing", "1",
		"Cookie", "secret", "Authorization", "Bearer secret", "X-Forwarded-For", "198.51.100.7")
	if res.StatusCode != 204 || text(t, res) != "" {
		t.Fatalf("%v", res.Status)
	}
	r := records(t, c)[0]
	if r.Request.Method != "POST" || r.Request.Target != "/shop/cart?x=1&y=%20" || string(r.Request.Body) != "a\x00b\xff" ||
		r.Target != url+"/shop/cart?x=1&y=%20" || r.IP != "127.0.0.0" || time.Since(r.Date) > time.Minute {
		t.Errorf("%+v", r)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Origin": "https://shop.example", "X-Thing": "", "Host": strings.TrimPrefix(url, "http://"),
		"Cookie": "", "Authorization": "", "X-Forwarded-For": "",
	} {
		if got := r.Request.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Two streams and keys are not the same where their texts together are.
func TestKey_ThatIsNoUUID_CountsWithinItsStream(t *testing.T) {
	c, url := open(t, collect.Options{})
	ids := map[uuid.UUID]string{}
	for _, x := range [][2]string{{"/a", "b c"}, {"/a%20b", "c"}, {"/a", "b  c"}, {"/a%20b%20", "c"}, {"/a%203", "/a c"}, {"/a", "3 /a c"}} {
		do(t, "POST", url+x[0], "", "Idempotency-Key", x[1])
		do(t, "POST", url+x[0], "", "Idempotency-Key", x[1])
	}
	for _, r := range records(t, c) {
		ids[r.ID] += r.Target + " "
	}
	if len(ids) != 6 {
		t.Errorf("got %d ids, want 6: %v", len(ids), ids)
	}
}

func TestTheKeyIsTheID(t *testing.T) {
	c, url := open(t, collect.Options{})
	key := "01932e4f-7c1a-7b3e-9f7c-0242ac120002"
	for _, header := range []string{key, `"` + key + `"`, strings.ToUpper(key), "order 17", `"order 17"`, "", ""} {
		if res := do(t, "POST", url, "", "Idempotency-Key", header); res.StatusCode != 204 {
			t.Fatal(res.Status)
		}
	}
	var ids []uuid.UUID
	for _, r := range records(t, c) {
		ids = append(ids, r.ID)
	}
	if ids[0].String() != key || ids[1] != ids[0] || ids[2] != ids[0] || ids[3] != ids[4] || ids[3] == ids[0] || ids[5] == ids[6] {
		t.Error(ids)
	}
}

// TestPreflight is Fetch, "CORS-preflight fetch", from the server's end.
func TestPreflight(t *testing.T) {
	_, url := open(t, collect.Options{})
	res := do(t, "OPTIONS", url+"/x", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-key")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "content-type,x-key", "Access-Control-Max-Age": "86400",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if vary := strings.Join(res.Header.Values("Vary"), ", "); res.StatusCode != 204 || !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Access-Control-Request-Headers") {
		t.Errorf("%d, Vary: %s", res.StatusCode, vary)
	}
	res = do(t, "OPTIONS", url+"/x", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type", "Access-Control-Request-Headers", "x-key")
	if got := strings.Join(res.Header.Values("Access-Control-Allow-Headers"), ","); got != "content-type,x-key" {
		t.Errorf("headers asked for in two lines: %q", got)
	}
	res = do(t, "POST", url+"/x", "y", "Origin", "null")
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "null" || res.Header.Get("Vary") != "Origin" {
		t.Errorf("%v %v", res.Status, res.Header)
	}
}

func TestWhatIsNoBeacon(t *testing.T) {
	c, url := open(t, collect.Options{MaxBody: 1000})
	for _, x := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/x", "", 404},
		{"GET", "/x?.gif", "", 404},
		{"GET", "/-/x.gif", "", 404},
		{"HEAD", "/x", "", 404},
		{"PUT", "/x", "y", 405},
		{"DELETE", "/x", "", 405},
		{"POST", "/-/x", "y", 404},
		{"POST", "/-/tail", "y", 405},
		{"POST", "/x", strings.Repeat("x", 1001), 413},
	} {
		if res := do(t, x.method, url+x.path, x.body); res.StatusCode != x.status {
			t.Errorf("%s %s: %v", x.method, x.path, res.Status)
		}
	}
	if n := len(records(t, c)); n != 0 {
		t.Errorf("%d were kept", n)
	}
	if res := do(t, "POST", url+"/x", strings.Repeat("x", 1000)); res.StatusCode != 204 {
		t.Errorf("at the limit: %v", res.Status)
	}
}

func TestAPixelIsABeacon(t *testing.T) {
	c, url := open(t, collect.Options{})
	res := do(t, "GET", url+"/mail/open.gif?who=%C3%BC&n=1", "", "Referer", "https://mail.example/", "Origin", "https://mail.example")
	body := text(t, res)
	if res.StatusCode != 200 || len(body) != 43 || res.Header.Get("Content-Type") != "image/gif" || res.Header.Get("Cache-Control") != "no-store" ||
		res.Header.Get("Access-Control-Allow-Origin") != "https://mail.example" {
		t.Errorf("%v %v, %d bytes", res.Status, res.Header, len(body))
	}
	picture, err := gif.Decode(strings.NewReader(body))
	if err != nil || picture.Bounds() != image.Rect(0, 0, 1, 1) {
		t.Fatal(picture, err)
	}
	if _, _, _, alpha := picture.At(0, 0).RGBA(); alpha != 0 {
		t.Error("the dot can be seen")
	}
	kept := records(t, c)
	if r := row.Of(&kept[0]); len(kept) != 1 || r.Stream != "/mail/open.gif" || r.Kind != row.Pixel || string(r.Data) != `{"who":"ü","n":"1"}` || r.Referrer != "https://mail.example/" {
		t.Errorf("%+v", kept)
	}
}

func TestABatchIsOneRecordOnlyWhereItMayBeOne(t *testing.T) {
	c, url := open(t, collect.Options{Batch: func(stream string) bool { return stream == "/batch" }})
	for _, path := range []string{"/batch", "/batch?x", "/other"} {
		if res := do(t, "POST", url+path, "[1,2,3]", "Content-Type", "application/json"); res.StatusCode != 204 {
			t.Fatal(res.Status)
		}
	}
	var rows []int
	for _, r := range records(t, c) {
		if string(r.Request.Body) != "[1,2,3]" {
			t.Errorf("%s was kept", r.Request.Body)
		}
		rows = append(rows, len(row.Rows(&r)))
	}
	if !slices.Equal(rows, []int{3, 3, 1}) {
		t.Error(rows)
	}
}

func TestADiskThatTakesNothingIsA503(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c, err := collect.Open(dir, collect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := httptest.NewServer(c)
	defer s.Close()
	inbox := filepath.Join(dir, "inbox")
	if err := os.RemoveAll(inbox); err != nil {
		t.Fatal(err)
	}
	res := do(t, "POST", s.URL, "x")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("%v %v", res.Status, res.Header)
	}
	if res := do(t, "GET", s.URL+"/x.gif", ""); res.StatusCode != 503 || strings.HasPrefix(text(t, res), "GIF") {
		t.Errorf("a pixel: %v", res.Status)
	}
	if err := os.Mkdir(inbox, 0o700); err != nil {
		t.Fatal(err)
	}
	if res := do(t, "POST", s.URL, "x"); res.StatusCode != 204 {
		t.Errorf("when the disk is back: %v", res.Status)
	}
}

func TestTheTailShowsTheNewestAndThenWhatComes(t *testing.T) {
	_, url := open(t, collect.Options{})
	for i := range 5 {
		do(t, "POST", url+"/n", fmt.Sprint(i), "Content-Type", "text/plain")
	}
	events := tail(t, url+"/-/tail?last=3")
	var got []string
	for len(got) < 3 {
		if e := <-events; e.name == "beacon" {
			got = append(got, e.data["text"].(string))
		}
	}
	do(t, "POST", url+"/n", "later", "Content-Type", "text/plain")
	for {
		e := <-events
		if e.name == "beacon" {
			got = append(got, e.data["text"].(string))
			if e.data["text"] == "later" {
				break
			}
		}
	}
	if s := strings.Join(got, " "); s != "2 3 4 later" {
		t.Errorf("%s", s)
	}
	for e := range events {
		if e.name == "count" && e.data["total"].(float64) == 6 {
			minutes := e.data["minutes"].([]any)
			if sum := minutes[59].(float64) + minutes[58].(float64); len(minutes) != 60 || sum != 6 {
				t.Errorf("%v", e.data)
			}
			break
		}
	}
	if res := do(t, "GET", url+"/-/tail?last=x", "", "Authorization", "Bearer "+token); res.StatusCode != 400 {
		t.Errorf("last=x: %v", res.Status)
	}
}

type event struct {
	name string
	data map[string]any
}

func tail(t *testing.T, url string) <-chan event {
	t.Helper()
	res := do(t, "GET", url, "", "Authorization", "Bearer "+token)
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(res.Status, res.Header)
	}
	events := make(chan event)
	go func() {
		defer close(events)
		var e event
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				e = event{name: value}
			case "data":
				json.Unmarshal([]byte(value), &e.data)
				select {
				case events <- e:
				case <-t.Context().Done():
					return
				}
			}
		}
	}()
	return events
}

func TestACollectorThatStartsAgainShowsWhatCameBefore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for round := range 2 {
		c, err := collect.Open(dir, collect.Options{Token: token})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(c)
		if round == 0 {
			do(t, "POST", s.URL+"/n", "before", "Content-Type", "text/plain")
		} else {
			for e := range tail(t, s.URL+"/-/tail?last=9") {
				if e.name == "beacon" && e.data["text"] == "before" {
					break
				}
			}
		}
		s.CloseClientConnections()
		c.Close()
		s.Close()
	}
}
