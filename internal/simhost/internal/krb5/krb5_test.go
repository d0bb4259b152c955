// SPDX-License-Identifier: MPL-2.0

package krb5

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/krbtest"
)

// initiator is a client with MIT's library. It prints a token, reads the answer and prints the result.
const initiator = `
import base64, sys, gssapi
name = gssapi.Name("HTTP/127.0.0.1@LAB.EXAMPLE", gssapi.NameType.kerberos_principal)
flags = [gssapi.RequirementFlag.mutual_authentication]
context = gssapi.SecurityContext(name=name, usage="initiate", mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2"), flags=flags)
print(base64.b64encode(context.step()).decode(), flush=True)
try:
    context.step(base64.b64decode(sys.stdin.readline()))
    print(context.complete, gssapi.RequirementFlag.mutual_authentication in context.actual_flags)
except gssapi.exceptions.GSSError as error:
    print(error)
`

func TestMITsLibraryIsAcceptedAndAcceptsTheAnswer(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // the Python of Debian, which has python3-gssapi
	if err := exec.CommandContext(t.Context(), python, "-c", "import gssapi").Run(); err != nil {
		t.Skip("needs MIT's GSS-API for Python (Debian: python3-gssapi)")
	}
	kdc := krbtest.Start(t)
	kdc.AddUser("operator", "correct horse")
	service, err := NewService(kdc.AddService("HTTP/127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	cache := kdc.Kinit("operator", "correct horse")

	// converse returns the last output of the client and its token.
	converse := func(answer func(token []byte) []byte) (said string) {
		t.Helper()
		client := exec.CommandContext(t.Context(), python, "-c", initiator)
		client.Env = append(os.Environ(), "KRB5_CONFIG="+kdc.ConfigFile, "KRB5CCNAME=FILE:"+cache)
		input, err := client.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := client.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(output)
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		token, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(input, base64.StdEncoding.EncodeToString(answer(token))+"\n")
		rest, err := io.ReadAll(reader)
		if err != nil {
			t.Error(err)
		}
		if err := client.Wait(); err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(string(rest))
	}

	var first []byte
	said := converse(func(token []byte) []byte {
		first = token
		client, answer, err := service.Accept(token)
		if err != nil || client.Name != "operator@LAB.EXAMPLE" || client.Binding != nil {
			t.Errorf("got %+v, %v", client, err)
		}
		return answer
	})
	if said != "True True" {
		t.Errorf("the client printed %q", said)
	}
	if _, _, err := service.Accept(first); err == nil || !strings.Contains(err.Error(), "used before") {
		t.Errorf("a replayed token: %v", err)
	}
	said = converse(func(token []byte) []byte { return service.Refuse(token) })
	if !strings.Contains(said, "revoked") {
		t.Errorf("a rejected client printed %q", said)
	}
	said = converse(func(token []byte) []byte {
		client, answer, err := service.Accept(token)
		if err != nil {
			t.Errorf("got %+v, %v", client, err)
		}
		answer[len(answer)-1] ^= 1
		return answer
	})
	if strings.HasPrefix(said, "True") {
		t.Errorf("the client accepted a changed answer: %q", said)
	}
}

func TestMalformedTokensAreRejected(t *testing.T) {
	t.Parallel()
	service := &Service{}
	for _, token := range [][]byte{nil, {0}, {0x60, 0x02, 0x06, 0x00}, []byte("NTLMSSP\x00\x01"), bytes.Repeat([]byte{0xa1}, 20)} {
		if IsToken(token) {
			t.Errorf("%x is accepted as a token", token)
		}
		if _, _, err := service.Accept(token); err == nil {
			t.Errorf("%x was accepted", token)
		}
	}
	for _, keytab := range [][]byte{nil, {5}, {5, 2, 0, 0, 0, 9}, []byte("text")} {
		if _, err := NewService(keytab); err == nil {
			t.Errorf("%x was accepted as a keytab", keytab)
		}
	}
}
