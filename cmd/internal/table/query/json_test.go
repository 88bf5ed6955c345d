package query

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
)

// encoded is a value as encoding/json writes it without HTML escapes.
func encoded(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

func FuzzAppend_Value_IsThatOfEncodingJSON(f *testing.F) {
	for _, text := range []string{"", "x", "é", "\x00\"\\", "\xff", "</script>\u2028"} {
		for _, number := range []float64{0, math.Copysign(0, -1), 1e-6, 9.9e-7, 1e21, 9.9e20, 1e-9, 1e100, 0.1, 123456789} {
			f.Add(text, number)
		}
	}
	f.Fuzz(func(t *testing.T, text string, number float64) {
		if got, want := string(appendString([]byte("["), []byte(text))), "["+encoded(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
		if math.IsNaN(number) || math.IsInf(number, 0) {
			return
		}
		if got, want := string(appendFloat(nil, number, 64)), encoded(number); got != want {
			t.Errorf("%v: got %s, want %s", number, got, want)
		}
		if single := float32(number); !math.IsInf(float64(single), 0) {
			if got, want := string(appendFloat(nil, float64(single), 32)), encoded(single); got != want {
				t.Errorf("float32 %v: got %s, want %s", single, got, want)
			}
		}
	})
}
