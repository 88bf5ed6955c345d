package beacon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/datadir"
)

// outboxVar is the environment's variable for the user's outbox: a directory, or outboxOff or outboxLog.
const (
	outboxVar = "BEACON_OUTBOX"
	outboxOff = "off" // no program sends beacons
	outboxLog = "log" // beacons are printed instead
)

// errOff is the reason of a beacon that is not sent because the user has turned sending off.
var errOff = errors.New("sending is off: BEACON_OUTBOX=off is set in the environment")

// OutboxDir returns the directory of the outbox that is used without a [Config.Outbox]: that of the
// environment's BEACON_OUTBOX, else the folder beacon/outbox in the user's data directory. A user without a
// home of its own gets a folder in the directory for temporary files. It returns an error if
// BEACON_OUTBOX is off or log, or neither absolute nor below ~.
func OutboxDir() (string, error) {
	value := os.Getenv(outboxVar)
	switch value {
	case "":
		dir, _ := datadir.Join("outbox")
		return dir, nil
	case outboxOff:
		return "", errOff
	case outboxLog:
		return "", errors.New("there is no outbox: BEACON_OUTBOX=log is set in the environment, and has beacons printed instead")
	}
	if dir := datadir.Expand(value); filepath.IsAbs(dir) {
		return dir, nil
	}
	return "", fmt.Errorf("BEACON_OUTBOX=%s can't be used: write an absolute path, a path below ~, off or log", value)
}

// shown is how many bytes of a body are printed with BEACON_OUTBOX=log.
const shown = 2 << 10

// printBeacon prints a beacon that is not sent.
func printBeacon(url, contentType string, body []byte) {
	text := strings.ToValidUTF8(string(body[:min(len(body), shown)]), "\uFFFD")
	fmt.Fprintf(os.Stderr, "beacon: not sent, because of BEACON_OUTBOX=log: POST %s (%s, %d bytes): %s\n", url, contentType, len(body), text)
}
