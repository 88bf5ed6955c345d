package collect_test

import (
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestWhoAsksNotToBeTracked(t *testing.T) {
	header := []string{"X-Forwarded-For", "203.0.113.77", "User-Agent", "Somebody/1", "Referer", "https://shop.example/me", "Accept-Language", "gsw", "Sec-Ch-Ua-Platform", `"Plan 9"`, "Device-Memory", "0.25", "Content-Type", "text/plain"}
	for _, x := range []struct {
		policy collect.OptOut
		signal []string
		status int
		known  bool
	}{
		{collect.OptOutKeep, []string{"Sec-Gpc", "1"}, 204, true},
		{collect.OptOutAnonymous, []string{"Sec-Gpc", "1"}, 204, false},
		{collect.OptOutAnonymous, []string{"Dnt", "1"}, 204, false},
		{collect.OptOutAnonymous, []string{"Dnt", "0"}, 204, true},
		{collect.OptOutAnonymous, nil, 204, true},
		{collect.OptOutRefuse, []string{"Sec-Gpc", "1"}, 200, false},
		{collect.OptOutRefuse, nil, 204, true},
	} {
		for _, address := range []collect.Address{collect.AddressTruncated, collect.AddressHashed} {
			c, url := open(t, collect.Options{OptOut: x.policy, Address: address, Proxies: behindProxy})
			res := do(t, "POST", url+"/x", "body", append(header, x.signal...)...)
			if res.StatusCode != x.status {
				t.Errorf("%v, %v: %s", x.policy, x.signal, res.Status)
			}
			checkStats(t, c, func(s collect.Stats) bool { return s.Received == 1 })
			all := records(t, c)
			if x.status == 200 {
				if len(all) != 0 {
					t.Error("it is kept")
				}
				continue
			}
			r := row.Of(&all[0])
			if known := r.IP != "" && r.UserAgent != "" && r.Referrer != ""; known != x.known {
				t.Errorf("%v, %v: %+v", x.policy, x.signal, r)
			}
			if unknown := r.IP == "" && r.UserAgent == "" && r.Referrer == "" && !strings.Contains(headers(all[0]), "gsw") && !strings.Contains(headers(all[0]), "Plan 9") && !strings.Contains(headers(all[0]), "0.25"); unknown == x.known {
				t.Errorf("%v, %v: %+v", x.policy, x.signal, all[0])
			}
			if string(r.Body) != "body" || r.ContentType != "text/plain" {
				t.Errorf("%+v", r)
			}
		}
	}
}

func headers(r warc.Record) (all string) {
	for _, f := range r.Request.Header {
		all += f.Name + ": " + f.Value + "\n"
	}
	return all
}
