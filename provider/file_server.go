// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// servedFile is a file that one host downloads from this computer. WinRM would carry it as Base64 in SOAP messages, at a fraction of the
// speed of the network.
type servedFile struct {
	url         string // with a path that cannot be guessed
	certificate string // the only one that the server has: DER in Base64
	size        int64
	sha256      string // of a file that was decompressed
	server      *http.Server
	file        *os.File
}

// serveFile serves a file on an address of this computer, with or without a port, until close, which closes the file too. Parts of it can
// be requested.
func serveFile(ctx context.Context, file *os.File, address string) (*servedFile, error) {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", file.Name())
	}
	var listener net.Listener
	if err == nil {
		if _, _, splitErr := net.SplitHostPort(address); splitErr != nil {
			address = net.JoinHostPort(address, "0")
		}
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	}
	var certificate tls.Certificate
	if err == nil {
		certificate, err = newCertificate()
	}
	if err != nil {
		_ = file.Close()
		if listener != nil {
			_ = listener.Close()
		}
		return nil, err
	}
	token := "/" + rand.Text()
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(fmt.Append(nil, info.Size(), info.ModTime())))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte(token)) != 1 {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", info.ModTime(), io.NewSectionReader(file, 0, info.Size()))
	})
	s := &servedFile{
		url: "https://" + listener.Addr().String() + token, certificate: base64.StdEncoding.EncodeToString(certificate.Certificate[0]), file: file, size: info.Size(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)},
	}
	go func() {
		_ = s.server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}))
	}()
	return s, nil
}

// close ends all downloads.
func (s *servedFile) close() {
	_ = s.server.Close()
	_ = s.file.Close()
	if s.sha256 != "" { // a temporary file
		_ = os.Remove(s.file.Name())
	}
}

// newCertificate returns a certificate that is valid for a day: the host compares it with the one that it was given.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "hypervvm"}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
