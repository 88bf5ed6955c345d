package row

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzDecodeJSON_AcceptsWhatEncodingJSONAccepts(f *testing.F) {
	for _, text := range []string{`{"a":[1,-2.5e+3,"\u00e9\ud800"],"a":null}`, ` true `, `01`, `"\x"`, `{"a":1,}`, "\ufeff[]", `[1 2]`, `nul`, "\"\t\"", `-`, `1e`, `"\ud83d\ude00"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 || !utf8.Valid(text) || tooDeep(text) >= 0 || len(text) > 2 && string(text[:3]) == "\ufeff" {
			return
		}
		data, err := decodeJSON(text)
		if valid := json.Valid(text); (data != nil) != valid || valid && !json.Valid(data) {
			t.Errorf("%q: decodeJSON returns %q, %v, json.Valid returns %v", text, data, err, valid)
		}
	})
}
