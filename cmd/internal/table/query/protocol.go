package query

import (
	"encoding/json"
	"io"
)

// The parent and the child exchange frames on the child's stdin and stdout.
//
//	parent → child
//	  frameSetup     JSON of setup; the first frame
//	  frameQuestion  JSON of question; the only one after it
//	child → parent
//	  frameReady     empty; the engine is open
//	  frameStarted   empty; the question has arrived: if the process ends now, the question is the cause
//	  frameColumns   JSON array of names; the result is complete in the child
//	  frameRows      rows, each a JSON array and a line feed
//	  frameEnd       empty; the answer is complete
//	  frameFailure   JSON of failure; nothing follows
//
// The answer to a series has frameColumns to frameEnd, or frameFailure, for each of its queries. The child ends when its
// stdin ends. The parent kills it after frameEnd or frameFailure.
const (
	frameSetup    = 'S'
	frameQuestion = 'Q'
	frameReady    = 'r'
	frameStarted  = 's'
	frameColumns  = 'c'
	frameRows     = 'd'
	frameEnd      = 'e'
	frameFailure  = 'f'
)

const (
	// maxRow is the largest row of an answer, in bytes of JSON. The parent has one row of each query
	// in memory.
	maxRow = 32 << 20
	// rowsFrame is how many bytes of rows the child collects before it sends them.
	rowsFrame = 64 << 10
	// maxFrame is the largest payload, in bytes.
	maxFrame = maxRow + rowsFrame + 1
)

// setup is how the child opens the engine.
type setup struct {
	Dir     string // the folder with the table's files
	Temp    string // the child's own folder
	Memory  int    // MiB
	Threads int
}

// question is a query, a series of queries where Series is not empty, or an export where File is not empty.
type question struct {
	SQL    string
	Series []Step `json:",omitempty"`
	View   string // the SELECT of the view "beacons"
	Zone   string // IANA name, "" is UTC
	Millis int64  // time until the child interrupts itself; 0 is never
	Format Format `json:",omitempty"`
	File   string `json:",omitempty"`
}

// failure is the error of a question.
type failure struct {
	Kind string // one of the kinds below
	Text string
}

const (
	kindSQL    = "sql"    // the query is wrong
	kindMemory = "memory" // it needs more memory than there is
	kindTime   = "time"   // the child interrupted itself
	kindTable  = "table"  // the engine or the view could not be opened
)

func writeFrame(w io.Writer, kind byte, payload []byte) error {
	_, err := w.Write(EndFrame(append(BeginFrame(make([]byte, 0, frameHead+len(payload)), kind), payload...)))
	return err
}

func writeJSON(w io.Writer, kind byte, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, b)
}

func readFrame(r io.Reader) (kind byte, payload []byte, err error) { return ReadFrame(r, maxFrame) }
