//go:build !windows

package keys

import (
	"errors"
	"os"
)

// syncDir makes the names in the folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
