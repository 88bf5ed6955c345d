package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	manifestName = "manifest"
	// previousName is the manifest before the last change. It is read where the newest one is
	// missing or damaged.
	previousName = "manifest.previous"
	// manifestHead begins the first line; the checksum of the rest of the file follows.
	manifestHead = "beacon table 1 sha256 "
)

// A File is one of the table's Parquet files. It never changes once a manifest names it.
type File struct {
	Name    string    `json:"name"`
	Rows    int64     `json:"rows"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"`
	First   time.Time `json:"first"` // the lowest and the highest received_at
	Last    time.Time `json:"last"`
	MinID   uuid.UUID `json:"min_id"`
	MaxID   uuid.UUID `json:"max_id"`
	Columns []string  `json:"columns,omitempty"` // declared columns, as identity writes them, and names of laterColumns; sorted
	Made    time.Time `json:"made"`
}

// Damaged is a file that is missing or whose checksum is wrong. No query reads its rows.
type Damaged struct {
	File
	Reason string    `json:"reason"`
	Found  time.Time `json:"found"`
}

// An Erasure is a call of [Table.Erase].
type Erasure struct {
	At     time.Time `json:"at"`
	Rows   int64     `json:"rows"`
	IDs    string    `json:"ids"` // path of the file of ids, below the table's folder
	SHA256 string    `json:"sha256"`
	Done   bool      `json:"done,omitempty"` // no file and no segment of the inbox has such rows
}

// A manifest is the state of the table on disk.
type manifest struct {
	Sequence int64        `json:"sequence"` // the number of the newest file
	Cursor   spool.Cursor `json:"cursor"`   // the rows of all records before it are in the files
	Files    []File       `json:"files"`
	Damaged  []Damaged    `json:"damaged,omitempty"`
	Erasures []Erasure    `json:"erasures,omitempty"`
	Revision int64        `json:"revision,omitempty"` // counts the changes of the past
	Past     []pastChange `json:"past,omitempty"`     // the newest of them
	Checked  time.Time    `json:"checked,omitzero"`   // when all files were last compared with their checksums
}

func (m *manifest) clone() manifest {
	c := *m
	c.Files, c.Damaged, c.Erasures = slices.Clone(m.Files), slices.Clone(m.Damaged), slices.Clone(m.Erasures)
	return c
}

// without returns the files except those with these names.
func without(files []File, names map[string]bool) []File {
	var kept []File
	for _, f := range files {
		if !names[f.Name] {
			kept = append(kept, f)
		}
	}
	return kept
}

func (m *manifest) rows() int64 { return sumRows(m.Files) }

func (m *manifest) bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

var errManifest = errors.New("the manifest is damaged")

// loadManifest returns the newest undamaged manifest. err wraps fs.ErrNotExist if the folder has none,
// and errManifest if both are damaged. damage is the reason if it is the previous one. A damaged
// manifest is moved to the folder damaged, because the next change would make it the previous one.
func loadManifest(dir string) (m manifest, damage, err error) {
	path := filepath.Join(dir, manifestName)
	m, damage = readManifest(path)
	if damage == nil {
		return m, nil, nil
	}
	missing := errors.Is(damage, fs.ErrNotExist)
	if !missing && !errors.Is(damage, errManifest) {
		return m, nil, damage
	}
	m, err = readManifest(filepath.Join(dir, previousName))
	switch {
	case missing && err != nil:
		return m, nil, err
	case errors.Is(err, fs.ErrNotExist):
		return m, nil, damage
	case err != nil:
		return m, nil, errors.Join(damage, err)
	case missing:
		return m, errors.New("a change was interrupted"), nil
	}
	return m, damage, os.Rename(path, filepath.Join(dir, damagedDir, manifestName))
}

func readManifest(path string) (m manifest, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	head, body, ok := bytes.Cut(b, []byte("\n"))
	sum, known := strings.CutPrefix(string(head), manifestHead)
	if !ok || !known {
		return m, fmt.Errorf("%w: %s has a wrong first line", errManifest, path)
	}
	if checksum(body) != sum {
		return m, fmt.Errorf("%w: the checksum of %s is wrong", errManifest, path)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", errManifest, path, err)
	}
	return m, nil
}

// saveManifest replaces the manifest. The new one is durable after the folder is synced again.
func saveManifest(dir string, m *manifest) error {
	body, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, manifestName)
	if err := durable.WriteSynced(path+".new", append([]byte(manifestHead+checksum(body)+"\n"), body...)); err != nil {
		return err
	}
	// The names of the new files are durable before the manifest that has them.
	if err := durable.SyncDir(dir); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(dir, previousName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(path+".new", path)
}

// change edits a copy of the manifest and makes it the current one. Files that the new manifest does
// not name become obsolete. After an error the manifest is unchanged.
func (t *Table) change(edit func(*manifest)) error {
	t.changing.Lock()
	defer t.changing.Unlock()
	t.mu.Lock()
	next := t.manifest.clone()
	next.Sequence = t.sequence
	t.mu.Unlock()
	edit(&next)
	t.manifest.notePast(&next, time.Now())
	if err := saveManifest(t.dir, &next); err != nil {
		return fmt.Errorf("save manifest: %w", err)
	}
	// The change is visible now, so a failed sync is not an error of it. A power cut may then bring
	// back the previous manifest. All that it needs is still there: files are deleted and the inbox is
	// trimmed only after one more change, which syncs the folder first.
	if err := durable.SyncDir(t.dir); err != nil {
		t.log.Error("the manifest may not be on disk", "error", err)
	}
	named := map[string]bool{}
	for _, f := range next.Files {
		named[f.Name] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes++
	for _, f := range t.manifest.Files {
		if !named[f.Name] {
			t.obsolete[f.Name] = obsolete{time.Now(), t.changes}
		}
	}
	t.manifest = next
	return nil
}
