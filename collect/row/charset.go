package row

import (
	"fmt"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// inUTF8 decodes text of any charset that browsers know by its label; a byte order mark says more
// than that (Encoding, "decode"). What is no character becomes U+FFFD.
func inUTF8(text []byte, label string) ([]byte, error) {
	charset, err := htmlindex.Get(label)
	if err != nil || charset == encoding.Replacement { // which stands for those that are not safe to decode
		return nil, fmt.Errorf("the charset %s is not known: utf-8 is, and what else browsers know", label)
	}
	decoded, _, err := transform.Bytes(unicode.BOMOverride(charset.NewDecoder()), text)
	if err != nil {
		return nil, fmt.Errorf("the text is not in its charset, %s: %w", label, err)
	}
	return decoded, nil
}
