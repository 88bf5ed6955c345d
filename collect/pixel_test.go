package collect

import (
	"net/http/httptest"
	"testing"
)

func TestPixel_Answer200_IsNotCached(t *testing.T) {
	c := NewForTest(Options{Answer200: func(string) bool { return true }})
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("GET", "/x.gif", nil))
	if got := w.Header().Get("Cache-Control"); w.Code != 200 || got != "no-store" {
		t.Errorf("got %d with Cache-Control %q, want 200 with no-store", w.Code, got)
	}
}
