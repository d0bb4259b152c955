// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/certtest"
)

// Windows requests the client certificate by TLS renegotiation after the first HTTP request. Go's TLS server does not support
// that; OpenSSL's s_server does.
func TestAClientCertificateIsSentInARenegotiation(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	authority := certtest.NewAuthority(t)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	serverCert, serverKey, ca := serverPEM(t)
	command := exec.CommandContext(testContext(t), openssl, "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-state", "-no_tls1_3",
		"-cert", write("cert.pem", serverCert), "-key", write("key.pem", serverKey), "-CAfile", write("ca.pem", authority.PEM))
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	defer func() {
		_ = command.Process.Kill()
		for range lines { // until the end of the output
		}
		_ = command.Wait() // returns an error because the process was killed
	}()
	var output []string
	await := func(part string) (line string, err error) {
		for line := range lines {
			output = append(output, line)
			if strings.Contains(line, part) {
				return line, nil
			}
		}
		return "", fmt.Errorf("s_server did not print %q:\n%s", part, strings.Join(output, "\n"))
	}
	line, err := await("ACCEPT 127.0.0.1:")
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(strings.TrimPrefix(line, "ACCEPT 127.0.0.1:"))
	if err != nil {
		t.Fatal(err)
	}

	responded := make(chan error, 1)
	go func() {
		responded <- func() error {
			if _, err := await("Authorization: http://schemas.dmtf.org"); err != nil { // the server has read the request
				return err
			}
			if strings.Contains(strings.Join(output, "\n"), "read client certificate") {
				return errors.New("the certificate was requested in the first handshake")
			}
			if _, err := io.WriteString(input, "R\n"); err != nil {
				return err
			}
			for _, part := range []string{"read certificate verify", "write finished"} {
				if _, err := await(part); err != nil {
					return err
				}
			}
			const body = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
				` xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header>` +
				`<a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse</a:Action></s:Header>` +
				`<s:Body><rsp:Shell><rsp:ShellId>LATE</rsp:ShellId></rsp:Shell></s:Body></s:Envelope>`
			_, err := fmt.Fprintf(input, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			return err
		}()
	}()
	cert, key := authority.Client(t, "operator@lab.example", nil)
	client := newClient(t, winrm.Config{
		Address: "127.0.0.1", Port: port, TLS: true, CACert: ca, Auth: winrm.AuthCertificate, ClientCert: cert, ClientKey: key,
	})
	shell, err := client.CreateShell(testContext(t))
	if err := <-responded; err != nil {
		t.Fatal(err)
	}
	if err != nil || wsman.ShellID(shell) != "LATE" {
		t.Errorf("got %v, %v", shell, err)
	}
}
