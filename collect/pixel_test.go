package collect_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

// paths is collect.Paths of valid patterns.
func paths(t *testing.T, patterns ...string) func(string) bool {
	t.Helper()
	match, err := collect.Paths(patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return match
}

func TestGET_EachSender_IsStoredAsDeclared(t *testing.T) {
	c, url := open(t, collect.Options{Get: paths(t, "/track", "/config/ping"), NoGet: paths(t, "/config/*", "/no.gif")})
	for _, x := range []struct {
		path, header string
		status       int
		contentType  string // of the answer to a beacon
	}{
		{"/a.gif", "", 200, "image/gif"},
		{"/a.gif?x=1", "", 200, "image/gif"},
		{"/i?x=1", "Sec-Fetch-Dest: image", 200, "image/gif"},
		{"/i?x=1", "Sec-Fetch-Dest: empty", 200, "image/gif"},
		{"/i?x=1", "Accept: image/avif,image/webp,*/*;q=0.8", 200, "image/gif"},
		{"/i?x=1", "Sec-Fetch-Dest: document", 404, ""},
		{"/i?x=1", "Sec-Fetch-Dest: script", 404, ""},
		{"/i?x=1", "Accept: text/html", 404, ""},
		{"/i?x=1", "", 404, ""},
		{"/i", "Sec-Fetch-Dest: image", 404, ""},
		{"/-/i?x=1", "Sec-Fetch-Dest: image", 404, ""},
		{"/track?data=1", "", 200, "image/gif"},
		{"/track", "Accept: text/html", 200, "image/gif"},
		{"/track?data=1", "Sec-Fetch-Dest: script", 200, "text/javascript"},
		{"/config/x?key=1", "Sec-Fetch-Dest: empty", 404, ""},
		{"/config/ping?key=1", "", 200, "image/gif"},
		{"/no.gif", "Sec-Fetch-Dest: image", 404, ""},
	} {
		before := len(records(t, c))
		header := []string{"Origin", "https://shop.example"}
		if name, value, ok := strings.Cut(x.header, ": "); ok {
			header = append(header, name, value)
		}
		res := do(t, "GET", url+x.path, "", header...)
		stored := len(records(t, c)) > before
		if res.StatusCode != x.status || stored != (x.contentType != "") || stored && res.Header.Get("Content-Type") != x.contentType {
			t.Errorf("GET %s %s: got %s and %q, stored %v", x.path, x.header, res.Status, res.Header.Get("Content-Type"), stored)
		}
		if !strings.HasPrefix(x.path, collect.Operators) && res.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("GET %s %s: a script can't see the status", x.path, x.header)
		}
	}
}

func TestGET_NotStored_IsCountedByPath(t *testing.T) {
	c, url := open(t, collect.Options{NoGet: paths(t, "/config")})
	for _, path := range []string{"/track?a=1", "/track?a=2", "/config?a=1", "/page", "/other?x"} {
		do(t, "GET", url+path, "")
	}
	if got := c.Stats().GetsIgnored; len(got) != 2 || got["/track"] != 2 || got["/other"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestHEAD_OfPixel_AnswersAndStoresNothing(t *testing.T) {
	c, url := open(t, collect.Options{})
	for path, want := range map[string]int{"/a.gif": 200, "/page": 404} {
		res := do(t, "HEAD", url+path, "")
		if res.StatusCode != want || want == 200 && (res.Header.Get("Content-Type") != "image/gif" || res.ContentLength != 43) {
			t.Errorf("HEAD %s: got %s, %q, %d bytes", path, res.Status, res.Header.Get("Content-Type"), res.ContentLength)
		}
	}
	if n := len(records(t, c)); n != 0 {
		t.Errorf("%d are stored", n)
	}
}

func TestAnswer_OfAStream_IsSentAndNotCached(t *testing.T) {
	c, url := open(t, collect.Options{Answer: func(stream string) (collect.Answer, bool) {
		switch stream {
		case "/e/":
			return collect.Answer{Status: 201, ContentType: "application/json", Body: []byte(`{"status":1}`)}, true
		case "/empty":
			return collect.Answer{Status: http.StatusNoContent}, true
		}
		return collect.Answer{}, false
	}})
	for request, want := range map[string]string{
		"POST /e/?x=1": `201 Created {"status":1}`, "GET /e/?x=1": `201 Created {"status":1}`, "POST /e": "204 No Content ", "POST /": "204 No Content ", "POST /empty": "204 No Content ",
	} {
		method, path, _ := strings.Cut(request, " ")
		res := do(t, method, url+path, "x", "Sec-Fetch-Dest", "empty")
		if got := res.Status + " " + text(t, res); got != want || path == "/e/?x=1" && res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %q with Cache-Control %q, want %q", request, got, res.Header.Get("Cache-Control"), want)
		}
	}
	if n := len(records(t, c)); n != 5 {
		t.Errorf("%d are stored", n)
	}
}

func TestBeacon_SameFromOneClient_IsCountedAsRepeated(t *testing.T) {
	c, url := open(t, collect.Options{})
	for range 9 {
		do(t, "POST", url+"/track", `{"event":"purchase","n":1}`)
		do(t, "POST", url+"/ping", "ping")
		do(t, "GET", url+"/a.gif?event=purchase&n=1", "")
	}
	for i := range 9 {
		do(t, "POST", url+"/other", strings.Repeat("x", 20+i))
	}
	if got := c.Stats().Repeated; len(got) != 2 || got["/track"] != 1 || got["/a.gif"] != 1 {
		t.Errorf("got %v", got)
	}
}
