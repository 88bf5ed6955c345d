package query

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestReadFrame_EachPrefix_FailsAtItsEnd(t *testing.T) {
	var b bytes.Buffer
	if err := writeFrame(&b, frameRows, []byte("[1]\n")); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for n := range whole {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, _, err := readFrame(bytes.NewReader(whole[:n])); !errors.Is(err, want) {
			t.Errorf("%d bytes: got %v, want %v", n, err, want)
		}
	}
	if kind, payload, err := readFrame(bytes.NewReader(whole)); kind != frameRows || string(payload) != "[1]\n" || err != nil {
		t.Errorf("got %q, %q, %v", kind, payload, err)
	}
}

func TestReadFrame_LargeLength_IsRefused(t *testing.T) {
	if _, _, err := readFrame(bytes.NewReader([]byte{frameRows, 0xff, 0xff, 0xff, 0xff})); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want a refusal", err)
	}
}
