//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An authority signs certificates. All its files are PEM.
type authority struct {
	ca, cert, key string // files: of the authority, and of a server at 127.0.0.1 that it signed
}

func newAuthority(t *testing.T, end time.Time) authority {
	t.Helper()
	dir := t.TempDir()
	a := authority{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	write := func(name, kind string, der []byte, err error) {
		t.Helper()
		if err == nil {
			err = os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	begin := time.Now().Add(-48 * time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, NotBefore: begin, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a collector"}, NotBefore: begin, NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caKey, serverKey := newKey(), newKey()
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	write(a.ca, "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, server, ca, &serverKey.PublicKey, caKey)
	write(a.cert, "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(serverKey)
	write(a.key, "PRIVATE KEY", der, err)
	return a
}

// onlyHTTP2 is a proxy that speaks HTTP/2 over TLS and nothing else, in front of a collector.
func onlyHTTP2(t *testing.T, a authority, collector string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
	config.GetConfigForClient = func(client *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(client.SupportedProtos, "h2") {
			return nil, nil
		}
		// Go's server would let a client of HTTP/1.1 in. Others send the alert, as it does for this name.
		return &tls.Config{Certificates: config.Certificates, NextProtos: []string{"not http/1.1"}}, nil
	}
	to, err := url.Parse(collector)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	s := &http.Server{Handler: proxy, Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0)}
	s.Protocols.SetHTTP2(true)
	go s.Serve(tls.NewListener(l, config))
	t.Cleanup(func() { s.Close() })
	return "https://" + l.Addr().String()
}

// TestClient_EachCommandOverEachConnection_Works runs each command that sends requests to a collector.
func TestClient_EachCommandOverEachConnection_Works(t *testing.T) {
	a := newAuthority(t, time.Now().Add(time.Hour))
	plain, secure := newPlace(t), newPlace(t)
	httpURL := plain.serve("127.0.0.1:0").URL
	httpsURL := secure.serve("127.0.0.1:0", "--tls-cert", a.cert, "--tls-key", a.key).URL
	post := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for _, at := range []string{httpURL, httpsURL} {
		if res, err := post.Post(at+"/tailed", "text/plain", strings.NewReader("x")); err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatal(res, err)
		}
	}
	for _, x := range []struct {
		name string
		p    *place
		env  []string
		args []string
	}{
		{"http", plain, nil, []string{"--server", httpURL}},
		{"h2c", plain, []string{"BEACON_TOKEN=" + plain.token()}, []string{"--server", strings.Replace(httpURL, "http", "h2c", 1)}},
		{"https with --ca", secure, nil, []string{"--server", httpsURL, "--ca", a.ca}},
		{"https with SSL_CERT_FILE", secure, []string{"SSL_CERT_FILE=" + a.ca, "BEACON_DATA=/nowhere"}, []string{"--server", httpsURL, "--token-file", filepath.Join(secure.data, tokenFile)}},
		{"https with HTTP/2 only", plain, []string{"BEACON_CA=" + a.ca}, []string{"--server", onlyHTTP2(t, a, httpURL)}},
	} {
		t.Run(x.name, func(t *testing.T) {
			if strings.Contains(x.name, "SSL_CERT_FILE") && runtime.GOOS == "darwin" {
				t.Skip("macOS has no SSL_CERT_FILE")
			}
			file := filepath.Join(t.TempDir(), "beacons.warc")
			if err := os.WriteFile(file, []byte(manyDays(3)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				args []string
				says string
			}{
				{[]string{"import", file}, "3 accepted"},
				{[]string{"query", "select count(distinct id) from beacons where stream = '/imported'"}, "3"},
				{[]string{"export"}, "WARC-Target-URI: http://x/imported"},
				{[]string{"export", "--format", "csv"}, "/imported"},
				{[]string{"table", "files"}, ".parquet"},
				{[]string{"table", "check"}, "are as they were written"},
				{[]string{"table", "compact"}, "written anew"},
				{[]string{"erase", "stream = '/none'"}, "rows that would be erased: 0"},
			} {
				cmd := x.p.command("command", append(c.args, x.args...)...)
				cmd.Env = append(cmd.Env, x.env...)
				var errs bytes.Buffer
				cmd.Stderr = &errs
				out, err := cmd.Output()
				if err != nil || !strings.Contains(string(out), c.says) {
					t.Errorf("beacon %s: %v: %s%s, want %q", strings.Join(c.args, " "), err, out, &errs, c.says)
				}
			}
			cmd := x.p.command("command", append([]string{"tail", "--json", "--last", "1"}, x.args...)...)
			cmd.Env = append(cmd.Env, x.env...)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, `"stream":"/tailed"`) {
				t.Errorf("beacon tail: %q %v", line, err)
			}
			cmd.Process.Signal(syscall.SIGINT)
			if err := cmd.Wait(); err != nil {
				t.Errorf("beacon tail ended with %v", err)
			}
		})
	}
}

func TestClient_ARedirect_IsNotFollowedWithTheToken(t *testing.T) {
	p := newPlace(t)
	var asked bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer its-token" {
				t.Errorf("the collector got Authorization: %q", r.Header.Get("Authorization"))
			}
			http.Redirect(w, r, other.URL+r.URL.Path, status)
		}))
		cmd := p.command("command", "query", "--server", first.URL, "select 1")
		cmd.Env = append(cmd.Env, "BEACON_TOKEN=its-token")
		out, err := cmd.CombinedOutput()
		if err == nil || asked || !strings.Contains(string(out), "redirects to "+other.URL+": set") {
			t.Errorf("%d: %v, the other server was asked: %t: %s", status, err, asked, out)
		}
		first.Close()
	}
}

func TestClient_WhatCantWork_IsSaidWithWhatToDo(t *testing.T) {
	a, expired := newAuthority(t, time.Now().Add(time.Hour)), newAuthority(t, time.Now().Add(-time.Hour))
	p, secure := newPlace(t), newPlace(t)
	httpURL := p.serve("127.0.0.1:0").URL
	httpsURL := secure.serve("127.0.0.1:0", "--tls-cert", a.cert, "--tls-key", a.key).URL
	expiredURL := newPlace(t).serve("127.0.0.1:0", "--tls-cert", expired.cert, "--tls-key", expired.key).URL
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	threeWays := []string{"BEACON_TOKEN", "--token-file", "operator-token in its data folder"}
	for _, x := range []struct {
		name   string
		env    []string
		args   []string
		status int
		says   []string
	}{
		{"a certificate of an unknown authority", nil, []string{"--server", httpsURL}, 1, []string{"unknown authority", "hint: ", "--ca"}},
		{"another authority", nil, []string{"--server", httpsURL, "--ca", expired.ca}, 1, []string{"not trusted", "--ca"}},
		{"another name", nil, []string{"--server", strings.Replace(httpsURL, "127.0.0.1", "localhost", 1), "--ca", a.ca}, 1, []string{"to match localhost", "hint: use a name of the certificate"}},
		{"an expired certificate", nil, []string{"--server", expiredURL, "--ca", expired.ca}, 1, []string{"expired", "hint: renew"}},
		{"no such authority", nil, []string{"--server", httpsURL, "--ca", "none.pem"}, 2, []string{"--ca", "none.pem"}},
		{"an authority that is not PEM", nil, []string{"--server", httpsURL, "--ca", file("text")}, 2, []string{"--ca", "BEGIN CERTIFICATE"}},
		{"https to http", nil, []string{"--server", strings.Replace(httpURL, "http", "https", 1)}, 1, []string{"speaks http", "hint: write --server http://"}},
		{"http to https", nil, []string{"--server", strings.Replace(httpsURL, "https", "http", 1)}, 1, []string{"speaks https", "hint: write --server https://"}},
		{"another scheme", nil, []string{"--server", "ftp://127.0.0.1"}, 2, []string{"--server", "https://"}},
		{"no host", nil, []string{"--server", "127.0.0.1:8080"}, 2, []string{"--server", "https://"}},
		{"the token as a flag", nil, []string{"--token", "secret"}, 2, []string{"ps", "BEACON_TOKEN", "--token-file"}},
		{"the token as a flag with =", nil, []string{"--token=secret"}, 2, []string{"ps", "BEACON_TOKEN", "--token-file"}},
		{"an empty BEACON_TOKEN", []string{"BEACON_TOKEN="}, []string{"--server", httpURL}, 2, []string{"BEACON_TOKEN is empty", "unset"}},
		{"a BEACON_TOKEN that no header can have", []string{"BEACON_TOKEN=a b"}, []string{"--server", httpURL}, 2, []string{"BEACON_TOKEN", "space"}},
		{"a wrong BEACON_TOKEN", []string{"BEACON_TOKEN=wrong"}, []string{"--server", httpURL}, 1, append(threeWays, "refuses the token of BEACON_TOKEN")},
		{"a wrong token in a file", nil, []string{"--server", httpURL, "--token-file", file("wrong\n")}, 1, append(threeWays, "refuses the token of /")},
		{"an empty token file", nil, []string{"--server", httpURL, "--token-file", file("\n\n")}, 1, []string{"is empty", "write the token there"}},
		{"no such token file", nil, []string{"--server", httpURL, "--token-file", "none"}, 1, []string{"none"}},
		{"no token in the data folder", []string{"BEACON_DATA=" + t.TempDir()}, []string{"--server", httpURL}, 1, append(threeWays, "does not exist")},
	} {
		cmd := p.command("command", append([]string{"query", "select 1"}, x.args...)...)
		cmd.Env = append(cmd.Env, x.env...)
		out, _ := cmd.CombinedOutput()
		for _, says := range x.says {
			if !strings.Contains(string(out), says) {
				t.Errorf("%s: %q is not in: %s", x.name, says, out)
			}
		}
		if got := cmd.ProcessState.ExitCode(); got != x.status || strings.Contains(string(out), "secret") {
			t.Errorf("%s: status %d, want %d: %s", x.name, got, x.status, out)
		}
	}
}
