// SPDX-License-Identifier: MPL-2.0

package daemon_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/certtest"
)

// serverCertificate writes a self-signed certificate for 127.0.0.1 with a serial number, and its key.
func serverCertificate(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "hvprovd"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files(t, dir, map[string]string{
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), "key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	})
	later := time.Unix(1_000_000_000+serial, 0) // another modification time, however coarse the clock of the file system is
	for _, name := range []string{"cert.pem", "key.pem"} {
		if err := os.Chtimes(filepath.Join(dir, name), later, later); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTLSAuthenticatesClientsAndReloadsItsCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := certtest.NewAuthority(t)
	client := func(name string) tls.Certificate {
		cert, key := authority.Client(t, "", func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} })
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	serverCertificate(t, dir, 1)
	files(t, dir, map[string]string{
		"ca.pem": string(authority.PEM),
		"hvprovd.yaml": "listen: 127.0.0.1:0\nstate_dir: state\ntls: {cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem}\n" +
			"auth: {client_certificates: {'CN=deploy': writer}}\n",
	})
	var out log
	server, stop := serve(t, filepath.Join(dir, "hvprovd.yaml"), &out)
	defer stop()
	get := func(certificates ...tls.Certificate) (status int, serial int64) {
		t.Helper()
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Get(server.URL() + "/api/v1/session")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode, response.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if status, serial := get(client("deploy")); status != http.StatusOK || serial != 1 {
		t.Errorf("a known certificate: %d, server certificate %d", status, serial)
	}
	if status, _ := get(client("other")); status != http.StatusUnauthorized {
		t.Errorf("a certificate without a role: %d", status)
	}
	if status, _ := get(); status != http.StatusUnauthorized {
		t.Errorf("no certificate: %d", status)
	}
	serverCertificate(t, dir, 2)
	if _, serial := get(client("deploy")); serial != 2 {
		t.Errorf("server certificate %d", serial)
	}
	files(t, dir, map[string]string{"cert.pem": "incomplete"})
	if status, serial := get(client("deploy")); status != http.StatusOK || serial != 2 {
		t.Errorf("with an incomplete certificate: %d, server certificate %d", status, serial)
	}
}
