//go:build !js

package outbox

import (
	"fmt"
	"os"
	"strings"
)

// shown is how many bytes of a body are printed.
const shown = 2 << 10

// Prints reports whether beacons are printed to standard error instead of kept.
func Prints() bool { return os.Getenv(DirVar) == printed }

// Print prints a beacon that is not kept.
func Print(method, url, contentType string, body []byte) {
	text := strings.ToValidUTF8(string(body[:min(len(body), shown)]), "\uFFFD")
	fmt.Fprintf(os.Stderr, "beacon: not sent, because of %s=%s: %s %s (%s, %d bytes): %s\n", DirVar, printed, method, url, contentType, len(body), text)
}
