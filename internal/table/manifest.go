package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

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
	First   time.Time `json:"first"` // the least and the greatest received_at
	Last    time.Time `json:"last"`
	MinID   uuid.UUID `json:"min_id"`
	MaxID   uuid.UUID `json:"max_id"`
	Columns []string  `json:"columns,omitempty"` // declared columns, as NAME:TYPE=PATH, sorted
	Made    time.Time `json:"made"`
}

// Damaged is a file whose bytes are not those that were written. Its rows are in no answer.
type Damaged struct {
	File
	Reason string    `json:"reason"`
	Found  time.Time `json:"found"`
}

// An Erasure is a call of [Table.Erase]. Its ids are in a file of their own.
type Erasure struct {
	At     time.Time `json:"at"`
	Rows   int64     `json:"rows"`
	IDs    string    `json:"ids"` // the file, below the table's folder
	SHA256 string    `json:"sha256"`
}

// A manifest says what the table consists of.
type manifest struct {
	Sequence int64        `json:"sequence"` // the number of the newest file
	Cursor   spool.Cursor `json:"cursor"`   // everything before it is in the files
	Files    []File       `json:"files"`
	Damaged  []Damaged    `json:"damaged,omitempty"`
	Erasures []Erasure    `json:"erasures,omitempty"`
	Checked  time.Time    `json:"checked,omitzero"` // when all files were last compared with their checksums
}

func (m *manifest) clone() manifest {
	c := *m
	c.Files = append([]File(nil), m.Files...)
	c.Damaged = append([]Damaged(nil), m.Damaged...)
	c.Erasures = append([]Erasure(nil), m.Erasures...)
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

func (m *manifest) rows() (n int64) {
	for _, f := range m.Files {
		n += f.Rows
	}
	return n
}

func (m *manifest) bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

var errManifest = errors.New("the manifest is damaged")

// loadManifest returns the newest manifest that is whole, or an empty one for a new table.
// damage is why it is the previous one. A damaged manifest is renamed, because the next change would
// take it for the previous one.
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
	case missing && errors.Is(err, fs.ErrNotExist):
		return manifest{}, nil, nil
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
		return m, fmt.Errorf("%w: %s does not begin as one", errManifest, path)
	}
	if digest := sha256.Sum256(body); hex.EncodeToString(digest[:]) != sum {
		return m, fmt.Errorf("%w: the checksum of %s is wrong", errManifest, path)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", errManifest, path, err)
	}
	return m, nil
}

// saveManifest replaces the manifest. The new one is on disk when the folder is synced once more.
func saveManifest(dir string, m *manifest) error {
	body, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	path := filepath.Join(dir, manifestName)
	if err := writeSynced(path+".new", append([]byte(manifestHead+hex.EncodeToString(digest[:])+"\n"), body...)); err != nil {
		return err
	}
	// The files that the new manifest names are in the folder before it is.
	if err := syncDir(dir); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(dir, previousName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(path+".new", path)
}

// change replaces the manifest by what edit makes of it. Files that it no longer names are kept
// for as long as a reader may have them. After an error the manifest is the one before.
func (t *Table) change(edit func(*manifest)) error {
	t.changing.Lock()
	defer t.changing.Unlock()
	t.mu.Lock()
	next := t.manifest.clone()
	next.Sequence = t.sequence
	t.mu.Unlock()
	edit(&next)
	if err := saveManifest(t.dir, &next); err != nil {
		return fmt.Errorf("save manifest: %w", err)
	}
	// From here on the change stands. A power cut may take it back where this fails, and finds all
	// that the manifest before it names: files are deleted, and the inbox is trimmed, only after
	// one more change, which syncs the folder first.
	if err := syncDir(t.dir); err != nil {
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

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
