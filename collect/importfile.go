package collect

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxImportWindow bounds the memory of zstd, in bytes. zstd -19 has 8 MiB, and zstd --long 128 MiB.
	maxImportWindow = 128 << 20
	maxDictionary   = 8 << 20
)

var (
	zstdFrame      = []byte("\x28\xb5\x2f\xfd") // RFC 8878, section 3.1.1
	zstdDictionary = []byte("\x5d\x2a\x4d\x18") // the skippable frame of a dictionary (WARC Zstandard compression, version 1.0)
)

// warcFile returns the WARC file in r, without zstd. gzip is undone by the reader of records. The caller calls done.
func warcFile(r io.Reader) (file io.Reader, done func(), err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	begin, _ := in.Peek(4)
	switch {
	case bytes.Equal(begin, []byte("PK\x03\x04")):
		return nil, nil, errors.New("this is a ZIP file, such as a WACZ, which is not supported: unpack it, and import the .warc.gz files of its folder archive")
	case bytes.Equal(begin, zstdFrame), bytes.Equal(begin, zstdDictionary):
		options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxImportWindow)}
		if bytes.Equal(begin, zstdDictionary) {
			dictionary, err := readDictionary(in)
			if err != nil {
				return nil, nil, err
			}
			options = append(options, zstd.WithDecoderDicts(dictionary))
		}
		d, err := zstd.NewReader(in, options...)
		if err != nil {
			return nil, nil, fmt.Errorf("the zstd file can't be read: %w", err)
		}
		return d, d.Close, nil
	}
	return in, func() {}, nil
}

// readDictionary reads the frame of a dictionary, which may be compressed itself.
func readDictionary(in io.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, fmt.Errorf("the zstd dictionary is cut short: %w", err)
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if size > maxDictionary {
		return nil, fmt.Errorf("the zstd dictionary has %d bytes, over the limit of %d", size, maxDictionary)
	}
	dictionary := make([]byte, size)
	if _, err := io.ReadFull(in, dictionary); err != nil {
		return nil, fmt.Errorf("the zstd dictionary is cut short: %w", err)
	}
	if !bytes.HasPrefix(dictionary, zstdFrame) {
		return dictionary, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDictionary))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if dictionary, err = d.DecodeAll(dictionary, nil); err != nil {
		return nil, fmt.Errorf("the zstd dictionary is damaged: %w", err)
	}
	return dictionary, nil
}
