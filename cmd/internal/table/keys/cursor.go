package keys

// A cursor reads the entries of a run in order, many pages at a time.
type cursor struct {
	run    *run
	buffer []byte
	pages  []byte // those of buffer that are not read yet
	number int    // the number of pages that were read into buffer
	index  int    // in the first of pages
	seen   uint64
	entry  entry
	ended  bool
}

// next moves to the next entry. A number of entries that differs from the header's is damage.
func (c *cursor) next() error {
	for len(c.pages) == 0 || c.index >= pageEntries(c.pages) {
		if len(c.pages) > 0 {
			c.pages, c.index = c.pages[pageSize:], 0
			continue
		}
		n := min(len(c.buffer)/pageSize, int(c.run.pages)-c.number)
		if n == 0 {
			c.ended = true
			if c.seen != c.run.count {
				return damaged(c.run.file.Name(), "%d entries instead of %d", c.seen, c.run.count)
			}
			return nil
		}
		c.pages = c.buffer[:n*pageSize]
		if err := readPages(c.run.file, c.pages, 1+c.run.filterPages+c.number); err != nil {
			return err
		}
		c.number += n
	}
	c.entry = entryAt(c.pages[pageHeader+c.index*entrySize:])
	c.index++
	c.seen++
	return nil
}
