package dashboard

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// A histogram counts numbers by bucket. A bucket is 1/32 of the natural logarithm wide, so its middle differs from the
// numbers in it by 1.6 % at most. Numbers up to 1e-9 are in the bucket of 0.
type histogram struct {
	kind   string // the macro: p50 or p75
	counts []count
}

// A count is how many numbers are in a bucket.
type count struct {
	bucket int32
	n      uint32
}

const (
	bucketsOfE = 32
	// bucketsSQL is a text with a character for each number: its bucket and bucketOffset. The engine's histogram() takes three
	// times as long. An answer may have twelve million characters.
	bucketsSQL   = "string_agg(chr(cast(round(ln(greatest(x, 1e-9)) * 32) as integer) + 700), '') filter (x is not null)"
	bucketOffset = 700
)

// parseBuckets returns the histogram of a text of bucketsSQL.
func parseBuckets(kind, text string) *histogram {
	counts := map[int32]uint32{}
	for _, r := range text {
		counts[r-bucketOffset]++
	}
	h := &histogram{kind: kind}
	for bucket, n := range counts {
		h.counts = append(h.counts, count{bucket, n})
	}
	h.sort()
	return h
}

// newHistogram returns the histogram of an object in JSON, whose members are buckets.
func newHistogram(kind string, buckets map[string]any) *histogram {
	h := &histogram{kind: kind}
	for text, n := range buckets {
		bucket, err := strconv.ParseInt(text, 10, 32)
		if x, ok := n.(float64); ok && err == nil && x > 0 {
			h.counts = append(h.counts, count{int32(bucket), uint32(min(x, math.MaxUint32))})
		}
	}
	h.sort()
	return h
}

func (h *histogram) sort() {
	slices.SortFunc(h.counts, func(a, b count) int { return int(a.bucket - b.bucket) })
}

// MarshalJSON writes what newHistogram reads.
func (h *histogram) MarshalJSON() ([]byte, error) {
	buckets := map[int32]uint32{}
	for _, c := range h.counts {
		buckets[c.bucket] = c.n
	}
	return json.Marshal(map[string]any{h.kind: buckets})
}

// add returns the sum of two histograms.
func (h *histogram) add(other *histogram) *histogram {
	sum := &histogram{kind: h.kind, counts: slices.Concat(h.counts, other.counts)}
	sum.sort()
	kept := sum.counts[:0]
	for _, c := range sum.counts {
		if n := len(kept); n > 0 && kept[n-1].bucket == c.bucket {
			kept[n-1].n += c.n
		} else {
			kept = append(kept, c)
		}
	}
	sum.counts = kept
	return sum
}

// value returns the median or the 75th percentile, or nil without numbers: the middle of the first bucket up to which that
// share of the numbers is.
func (h *histogram) value() any {
	share := 0.5
	if h.kind == "p75" {
		share = 0.75
	}
	total, sum := 0.0, 0.0
	for _, c := range h.counts {
		total += float64(c.n)
	}
	for _, c := range h.counts {
		if sum += float64(c.n); sum >= share*total {
			return bucketValue(int(c.bucket))
		}
	}
	return nil
}

// bucketValue is the middle of a bucket, with three digits.
func bucketValue(bucket int) float64 {
	x := math.Exp(float64(bucket) / bucketsOfE)
	if x < 1e-8 {
		return 0
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	return x
}
