//go:build !js

package outbox

import (
	"fmt"
	"os"
	"strings"
	"unicode"
)

// shown is how many bytes of a body are printed.
const shown = 2 << 10

// Prints reports whether beacons are printed to standard error instead of kept.
func Prints() bool { return os.Getenv(DirVar) == printed }

// Print prints a beacon that is not kept. Its text can't control the terminal, nor look like another line of this kind.
func Print(method, url, contentType string, body []byte) {
	text := strings.ReplaceAll(string(body[:min(len(body), shown)]), "\n", "\n\t")
	fmt.Fprintf(os.Stderr, "beacon: not sent, because of %s=%s: %s %s (%s, %d bytes): %s\n", DirVar, printed, method, printable(url), printable(contentType), len(body), printable(text))
}

// printable returns text with U+FFFD for each character that can't be printed.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
