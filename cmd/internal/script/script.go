// Package script serves the browser script, visits.js, to the pages of any site.
package script

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultPath is the script's path unless an operator chooses another one.
	DefaultPath = "/visits.js"
	// Alias is a second path of the script, its earlier name.
	Alias = "/beacon.js"
)

// maxAge is how long browsers cache the script, in seconds. A new share reaches pages that load after it.
const maxAge = 60

//go:embed visits.js
var source string

// settings is the line of the source that the collector replaces.
const settings = "  const settings = { stream: 'visits', share: 1 } // the collector writes this line\n"

// A Script serves the script at its path and at Alias. Its methods are safe for concurrent use.
type Script struct {
	// Share returns the share of page views that pages send now, from 0 to 1. nil is 1. It is set before the script is
	// served.
	Share func() float64

	path string

	mu      sync.Mutex
	texts   map[string]text // by path, with the share of the last request
	current float64
}

// A text is a script with its settings.
type text struct {
	plain, zipped []byte
	etag          string
}

var pathForm = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+\.js$`)

// New returns a Script with a path such as /visits.js.
func New(at string) (*Script, error) {
	if !pathForm.MatchString(at) || strings.HasPrefix(at, "/-/") || path.Clean(at) != at {
		return nil, fmt.Errorf("the script's path %q can't be used: write it like %s or /static/visits.js, with letters, digits, and . _ ~ -", at, DefaultPath)
	}
	return &Script{path: at}, nil
}

// Serves reports whether path is one of the script's.
func (s *Script) Serves(path string) bool { return path == s.path || path == Alias }

// Path returns the path of the script.
func (s *Script) Path() string { return s.path }

// Stream returns the stream of the script's events: its path without .js.
func (s *Script) Stream() string { return strings.TrimSuffix(s.path, ".js") }

// ServeHTTP answers GET and HEAD of the script's paths.
func (s *Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := s.text(r.URL.Path)
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", maxAge))
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Allow-Origin", "*") // integrity= needs crossorigin=, which needs this header
	content, etag := t.plain, t.etag
	if acceptsGzip(r) {
		content, etag = t.zipped, t.etag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+etag+`"`)
	r.Header.Del("Range") // a part of a script is of no use
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// text returns the script for one of its paths, with today's share.
func (s *Script) text(at string) text {
	share := 1.0
	if s.Share != nil {
		share = s.Share()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if share != s.current || s.texts == nil {
		s.current, s.texts = share, map[string]text{}
	}
	t, ok := s.texts[at]
	if !ok {
		// The script finds the collector by its own URL, and the stream by this path relative to it.
		stream := path.Base(s.Stream())
		if at == Alias {
			stream = strings.TrimPrefix(s.Stream(), "/")
		}
		t = render(stream, share)
		s.texts[at] = t
	}
	return t
}

// comments matches lines that are comments, below the first lines.
var comments = regexp.MustCompile(`\n +//.*`)

func render(stream string, share float64) text {
	line := strings.NewReplacer("'visits'", "'"+stream+"'", "share: 1", fmt.Sprintf("share: %v", share)).Replace(settings)
	plain := []byte(comments.ReplaceAllLiteralString(strings.Replace(source, settings, line, 1), ""))
	var zipped bytes.Buffer
	z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	z.Write(plain)
	z.Close()
	sum := sha256.Sum256(plain)
	return text{plain, zipped.Bytes(), hex.EncodeToString(sum[:12])}
}

// acceptsGzip reports whether a request allows an answer with gzip (RFC 9110, section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(field, ",") {
			name, weight, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(coding, " ", "")), ";")
			if name == "gzip" && (weight == "" || strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "") {
				return true
			}
		}
	}
	return false
}
