//go:build unix

package main

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"text/template"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

const (
	textType      = "text/plain;charset=UTF-8"
	formType      = "application/x-www-form-urlencoded;charset=UTF-8"
	multipartType = "multipart/form-data; boundary=" // and one that the browser makes up, BOUNDARY in the body

	noType = "" // NULL in the table
	noData = "null"

	eight = "new Uint8Array([0, 1, 2, 253, 254, 255, 13, 10])"
)

// browserBeacons are what a page can send, as JavaScript, and what has to become of it
// (Fetch, "extract a body").
var browserBeacons = []struct {
	Name, Data                    string
	contentType, body, kind, data string
}{
	{"string", `'naïve ☃ \ud83d\ude00, and half of one: \ud83d'`,
		textType, "naïve ☃ 😀, and half of one: \uFFFD", "text", `"naïve ☃ 😀, and half of one: \ufffd"`},
	{"empty-string", `''`,
		textType, "", "text", `""`},
	{"object", `{ toString: () => 'as a string' }`,
		textType, "as a string", "text", `"as a string"`},
	{"array-buffer", eight + `.buffer`,
		noType, "\x00\x01\x02\xfd\xfe\xff\r\n", "binary", noData},
	{"part-of-a-typed-array", `new Uint16Array(` + eight + `.buffer, 2, 2)`,
		noType, "\x02\xfd\xfe\xff", "binary", noData},
	{"part-of-a-data-view", `new DataView(` + eight + `.buffer, 5, 2)`,
		noType, "\xff\r", "binary", noData},
	{"text-blob", `new Blob(['naïve ', new Uint8Array([0, 255])], { type: 'text/plain' })`,
		"text/plain", "naïve \x00\xff", "text", `"naïve \u0000\ufffd"`},
	// The types of the next two are not CORS-safelisted, so a preflight comes first.
	{"json-blob", `new Blob(['{"left": "naïve ☃", "after": 1.50}'], { type: 'application/json' })`,
		"application/json", `{"left": "naïve ☃", "after": 1.50}`, "json", `{"left":"naïve ☃","after":1.5}`},
	{"png-blob", `new Blob([` + eight + `], { type: 'image/png' })`,
		"image/png", "\x00\x01\x02\xfd\xfe\xff\r\n", "binary", noData},
	{"blob-without-type", `new Blob([` + eight + `])`,
		noType, "\x00\x01\x02\xfd\xfe\xff\r\n", "binary", noData},
	{"params", `new URLSearchParams([['q', 'a b&c=d'], ['naïve', '☃'], ['q', '2']])`,
		formType, "q=a+b%26c%3Dd&na%C3%AFve=%E2%98%83&q=2", "form", `{"q":["a b&c=d","2"],"naïve":"☃"}`},
	{"form", `form(['naïve', 'one\ntwo\r\n"☃"'], ['file', new File([` + eight + `], '☃.bin')], ['file', new File(['x\ny'], 'y.txt', { type: 'text/plain' })])`,
		multipartType, "--BOUNDARY\r\nContent-Disposition: form-data; name=\"naïve\"\r\n\r\none\r\ntwo\r\n\"☃\"\r\n" +
			"--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"☃.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\x00\x01\x02\xfd\xfe\xff\r\n\r\n" +
			"--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"y.txt\"\r\nContent-Type: text/plain\r\n\r\nx\ny\r\n--BOUNDARY--\r\n",
		"multipart", `{"naïve":"one\r\ntwo\r\n\"☃\"","file":[{"filename":"☃.bin","type":"application/octet-stream","size":8},{"filename":"y.txt","type":"text/plain","size":3}]}`},
	{"form-with-escapes", `form(['a "name"\n', 'b'], ['c', new File([], 'a "file"\n')])`,
		multipartType, "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a %22name%22%0D%0A\"\r\n\r\nb\r\n" +
			"--BOUNDARY\r\nContent-Disposition: form-data; name=\"c\"; filename=\"a %22file%22%0A\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--BOUNDARY--\r\n",
		"multipart", `{"a \"name\"\r\n":"b","c":{"filename":"a \"file\"\n","type":"application/octet-stream","size":0}}`},
	{"empty-form", `form()`,
		multipartType, "--BOUNDARY--\r\n", "multipart", `{}`},
	{"undefined", `undefined`,
		noType, "", "ping", noData},
	{"null", `null`,
		noType, "", "ping", noData},
	{"nothing", ``,
		noType, "", "ping", noData},
}

//go:embed testdata/leaving.html
var leavingHTML string

// leavingSite is an origin that is not the collector's, with a page that sends all of
// browserBeacons when it is hidden, and again in pagehide.
func leavingSite(t *testing.T) (url string) {
	page := template.Must(template.New("leaving.html").Parse(leavingHTML))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leaving", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		page.Execute(w, browserBeacons)
	})
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestABrowsersBeaconsBecomeRows(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	site := leavingSite(t)
	held, release := gate(t, strings.TrimPrefix(collector.URL, "http://"))

	// The witness is of the same origin as the page that leaves, and stays.
	witness := b.attach("")
	witness.do("open the witness", chromedp.Navigate(site+"/witness"))

	runs := []struct {
		name, to string
		leave    func(target.ID)
	}{
		{"navigates", collector.URL, func(id target.ID) {
			b.attach(id).do("navigate away", chromedp.Navigate(site+"/elsewhere"))
		}},
		{"closes", collector.URL, b.close},
		// Neither a preflight nor a beacon gets through before the tab is gone for good.
		{"closes-first", held, func(id target.ID) {
			b.close(id)
			b.awaitGone(id)
			if rows := collector.query("select stream from beacons where starts_with(stream, '/closes-first/')"); len(rows) != 0 {
				t.Errorf("nothing was held back: %v", rows)
			}
			release()
		}},
	}
	for _, run := range runs {
		t.Run(run.name, func(t *testing.T) {
			id := b.open(site + "/leaving?" + url.Values{"collector": {run.to}, "run": {run.name}}.Encode())
			await[bool](witness, "the page can be seen", "localStorage['"+run.name+" load'] === 'visible'")
			run.leave(id)
			for _, event := range []string{"hidden", "pagehide"} {
				t.Run(event, func(t *testing.T) {
					returned := await[map[string]any](witness, "the page says what "+event+" returned", "JSON.parse(localStorage['"+run.name+" "+event+"'])")
					checkRows(t, collector, "/"+run.name+"/"+event+"/", site, returned)
				})
			}
		})
	}
	want := float64(len(runs) * 2 * len(browserBeacons))
	if rows := collector.query("select count(*) as n from beacons"); rows[0]["n"] != want {
		t.Errorf("%v rows of %v beacons", rows[0]["n"], want)
	}
}

// checkRows compares the rows of the streams below a path with browserBeacons. Every call
// has to have returned true: together they are far from the 64 KiB of a page.
func checkRows(t *testing.T, collector *server, below, site string, returned map[string]any) {
	accepted := 0
	for _, v := range returned {
		if v == true {
			accepted++
		}
	}
	stored := map[string][]map[string]any{}
	for _, row := range collector.waitRows(accepted, "select stream, origin, referrer, content_type, hex(body) as body, kind, data from beacons where starts_with(stream, '"+below+"')") {
		name := strings.TrimPrefix(row["stream"].(string), below)
		stored[name] = append(stored[name], row)
	}
	for _, want := range browserBeacons {
		t.Run(want.Name, func(t *testing.T) {
			if returned[want.Name] != true {
				t.Errorf("sendBeacon: %v", returned[want.Name])
			}
			if n := len(stored[want.Name]); n != 1 {
				t.Fatalf("%d rows", n)
			}
			row := stored[want.Name][0]
			contentType, _ := row["content_type"].(string)
			if want.contentType == multipartType {
				boundary := strings.TrimPrefix(contentType, multipartType)
				contentType = strings.TrimSuffix(contentType, boundary)
				want.body = strings.ReplaceAll(want.body, "BOUNDARY", boundary)
			}
			if contentType != want.contentType || want.contentType == noType && row["content_type"] != nil {
				t.Errorf("content type %v, want %q", row["content_type"], want.contentType)
			}
			if body, err := hex.DecodeString(row["body"].(string)); err != nil || string(body) != want.body {
				t.Errorf("body\n%q, want\n%q", body, want.body)
			}
			var data any
			if err := json.Unmarshal([]byte(want.data), &data); err != nil {
				t.Fatal(err)
			}
			if row["kind"] != want.kind || !reflect.DeepEqual(row["data"], data) {
				t.Errorf("%v\n%v, want %s\n%v", row["kind"], row["data"], want.kind, data)
			}
			if row["origin"] != site || row["referrer"] != site+"/" {
				t.Errorf("origin %v and referrer %v of a page of %s", row["origin"], row["referrer"], site)
			}
		})
	}
}

// gate is a way to an address that lets nothing through until it is released.
func gate(t *testing.T, to string) (url string, release func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(func() { l.Close(); release() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				<-released
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				go io.Copy(out, in)
				io.Copy(in, out)
			}()
		}
	}()
	return "http://" + l.Addr().String(), release
}
