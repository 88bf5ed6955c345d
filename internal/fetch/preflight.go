package fetch

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
)

// preflight is Fetch, "CORS-preflight fetch". What it learns is kept.
func (f *fetching) preflight(ctx context.Context) error {
	h := http.Header{
		"Accept":                        {"*/*"},
		"Access-Control-Request-Method": {f.Method},
	}
	names := fetchrules.UnsafeNames(f.Header)
	if len(names) > 0 {
		h.Set("Access-Control-Request-Headers", strings.Join(names, ","))
	}
	if agent := f.Agent.Values("User-Agent"); len(agent) > 0 {
		h["User-Agent"] = agent
	}
	f.setContext(h, "cors")
	res, err := f.network(ctx, http.MethodOptions, nil, h)
	if err != nil {
		return err
	}
	skim(res)
	if err := f.checkCORS(res.Header); err != nil {
		return err
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return blocked("CORS: %s answered the preflight with %d", f.server(), res.StatusCode)
	}
	methods, ok1 := listValues(res.Header, "Access-Control-Allow-Methods")
	headers, ok2 := listValues(res.Header, "Access-Control-Allow-Headers")
	if !ok1 || !ok2 {
		return blocked("CORS: %s answered the preflight with a list that can't be read", f.server())
	}
	wildcard := f.Credentials != "include"
	if !fetchrules.IsSafelistedMethod(f.Method) && !slices.Contains(methods, f.Method) && !(wildcard && slices.Contains(methods, "*")) {
		return blocked("CORS: %s does not allow the method %s", f.server(), f.Method)
	}
	for _, name := range names {
		if !slices.ContainsFunc(headers, func(allowed string) bool { return strings.EqualFold(allowed, name) }) &&
			!(wildcard && slices.Contains(headers, "*") && name != "authorization") {
			return blocked("CORS: %s does not allow the header %s", f.server(), name)
		}
	}
	f.Page.preflights.keep(f, maxAge(res.Header), methods, headers)
	return nil
}

const (
	defaultMaxAge = 5 * time.Second // Fetch's
	mostMaxAge    = 2 * time.Hour   // "an imposed limit"
)

// maxAge is Access-Control-Max-Age, or what stands for it. A negative one is none by the
// letter; browsers take it for 0, and so do the standard's tests.
func maxAge(h http.Header) time.Duration {
	values := h.Values("Access-Control-Max-Age")
	if len(values) != 1 {
		return defaultMaxAge
	}
	if digits, negative := strings.CutPrefix(values[0], "-"); !isDigits(digits) {
		return defaultMaxAge
	} else if negative {
		return 0
	}
	seconds, err := strconv.ParseInt(values[0], 10, 64)
	if limit := int64(mostMaxAge / time.Second); err != nil || seconds > limit {
		return mostMaxAge
	}
	return time.Duration(seconds) * time.Second
}
