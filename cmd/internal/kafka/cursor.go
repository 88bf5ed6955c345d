package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// cursorName is the file with the place in the inbox before which the log has acknowledged all.
const cursorName = "ship-cursor"

// loadCursor returns the saved cursor, or the inbox's beginning if none was saved.
func loadCursor(dir string) (spool.Cursor, error) {
	var c spool.Cursor
	path := filepath.Join(dir, cursorName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err == nil && c.Offset < 0 {
		err = fmt.Errorf("offset %d", c.Offset)
	}
	if err != nil {
		return spool.Cursor{}, fmt.Errorf("read %s: %w\nhint: delete the file to ship the whole inbox again; the table keeps one row of each beacon", path, err)
	}
	return c, nil
}

// saveCursor replaces the saved cursor. After a crash the file has this one or the one before.
func saveCursor(dir string, c spool.Cursor) error {
	text, err := json.Marshal(c)
	if err == nil {
		err = durable.Replace(filepath.Join(dir, cursorName), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("save cursor of the log: %w", err)
	}
	return nil
}
