package keys

// The Bloom filter of a run consists of blocks of one cache line. The high half of a key selects
// the block, the low half selects six bits in it. 1 to 2 % of absent keys pass.
const (
	bitsPerKey    = 10
	blockSize     = 64
	blocksPerPage = pageSize/blockSize - 1 // the page's header takes the room of one block
	probes        = 6
	pagesPerChunk = 16
	chunkSize     = pagesPerChunk * pageSize
	bitsPerBlock  = blockSize * 8
	bitsPerProbe  = 9 // log2 of bitsPerBlock
)

func filterBlocks(keys int) int { return (keys*bitsPerKey + bitsPerBlock - 1) / bitsPerBlock }

func filterPages(keys int) int { return (filterBlocks(keys) + blocksPerPage - 1) / blocksPerPage }

// blockOf returns the page of the key's block, and the block's offset in it.
func blockOf(k key, blocks int) (page, offset int) {
	b := k.scale(blocks)
	return b / blocksPerPage, (1 + b%blocksPerPage) * blockSize
}

func setBits(block []byte, k key) {
	for i := range probes {
		bit := k.lo >> (i * bitsPerProbe) % bitsPerBlock
		block[bit/8] |= 1 << (bit % 8)
	}
}

func hasBits(block []byte, k key) bool {
	_ = block[blockSize-1]
	for i := range probes {
		bit := k.lo >> (i * bitsPerProbe) % bitsPerBlock
		if block[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// mayHave reports whether the run's filter admits the key. A part of the filter that is not in
// memory is read into page.
func (r *run) mayHave(k key, page *[pageSize]byte) (bool, error) {
	number, offset := blockOf(k, r.blocks)
	if chunk := number / pagesPerChunk; chunk < len(r.filter) {
		offset += number % pagesPerChunk * pageSize
		return hasBits(r.filter[chunk][offset:offset+blockSize], k), nil
	}
	if err := readPages(r.file, page[:], 1+number); err != nil {
		return false, err
	}
	return hasBits(page[offset:offset+blockSize], k), nil
}

// A filterCache bounds the memory of all filters. Chunks are reused: the garbage collector would let
// the heap grow to twice the bound.
type filterCache struct {
	free [][]byte
	left int // chunks that may still be allocated
}

// loadFilter reads as much of the run's filter into memory as there is room for. Without room it
// takes chunks from the run that has the most: a look-up uses the filters of all runs, so a chunk
// saves more reads if it is a large part of its filter.
func (s *Set) loadFilter(r *run) error {
	for n := len(r.filter) * pagesPerChunk; n < r.filterPages; n = len(r.filter) * pagesPerChunk {
		chunk := s.takeChunk(len(r.filter) + 1)
		if chunk == nil {
			return nil
		}
		pages := min(pagesPerChunk, r.filterPages-n)
		if err := readPages(r.file, chunk[:pages*pageSize], 1+n); err != nil {
			s.filters.free = append(s.filters.free, chunk)
			return err
		}
		r.filter = append(r.filter, chunk)
	}
	return nil
}

// takeChunk returns a free or a new chunk, or one of a run that has more than moreThan, or nil.
func (s *Set) takeChunk(moreThan int) []byte {
	if n := len(s.filters.free); n > 0 {
		chunk := s.filters.free[n-1]
		s.filters.free = s.filters.free[:n-1]
		return chunk
	}
	if s.filters.left > 0 {
		s.filters.left--
		return make([]byte, chunkSize)
	}
	var largest *run
	for _, r := range s.runs {
		if len(r.filter) > moreThan && (largest == nil || len(r.filter) > len(largest.filter)) {
			largest = r
		}
	}
	if largest == nil {
		return nil
	}
	n := len(largest.filter) - 1
	chunk := largest.filter[n]
	largest.filter = largest.filter[:n]
	return chunk
}

// releaseFilter gives the run's chunks back.
func (s *Set) releaseFilter(r *run) {
	s.filters.free = append(s.filters.free, r.filter...)
	r.filter = nil
}
