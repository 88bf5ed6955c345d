package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

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
		err = writeFile(filepath.Join(dir, cursorName), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("save cursor of the log: %w", err)
	}
	return nil
}

// writeFile writes a file so that a crash leaves all of it or nothing. It returns when the file is on disk.
func writeFile(path string, data []byte) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a folder durable. Windows does so itself, and can't open a folder.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
