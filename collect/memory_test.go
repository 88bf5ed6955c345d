package collect

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// A large beacon leaves its buffer to the next one, however small and slow that is.
func TestABufferThatIsUsedAgainIsCounted(t *testing.T) {
	c := NewForTest(Options{})
	for _, x := range []struct {
		used          int64
		counted, left int // of the buffer: what is counted, and what there is
	}{
		{0, keepBuffer - freeBody, keepBuffer},
		{memoryBound, 0, freeBody},
	} {
		c.memory.used.Store(x.used)
		b := &buffer{body: make([]byte, 0, keepBuffer)}
		if no := b.read(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("small")), c); no != nil {
			t.Fatal(no)
		}
		if string(b.body) != "small" || b.counted != x.counted || cap(b.body) > x.left {
			t.Errorf("with %d bytes in use: %q in %d bytes, %d of them counted", x.used, b.body, cap(b.body), b.counted)
		}
	}
}
