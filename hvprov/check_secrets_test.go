// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"encoding/base64"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// sentConn records what a client writes.
type sentConn struct {
	net.Conn
	mu   *sync.Mutex
	sent *strings.Builder
}

func (c sentConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.sent.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// TestACheckSendsNoSecret reads the standard input of the agent off the wire.
func TestACheckSendsNoSecret(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{PlainHTTP: true, Auth: simhost.Auth{AllowBasic: true, AllowUnencrypted: true}})
	var mu sync.Mutex
	var sent strings.Builder
	service := newService(t, server, func(o *hvprov.Options) {
		h := o.Hosts["hv01"]
		h.WinRM.Auth, h.WinRM.AllowClearBasic = winrm.AuthBasic, true
		h.WinRM.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return sentConn{conn, &mu, &sent}, err
		}
		o.Hosts["hv01"] = h
	})
	const secret = "Sw0rdfish-and-Tr0ut"
	sub := hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-01")}
	sub.Values["guest_la_pw"] = secret
	findings, err := service.Check(t.Context(), hvprov.CheckRequest{Submission: sub})
	if err != nil || len(findings) > 0 {
		t.Fatalf("findings are %+v, %v: a secret that is withheld is not missing", findings, err)
	}
	mu.Lock()
	defer mu.Unlock()
	var input strings.Builder
	for _, m := range regexp.MustCompile(`<rsp:Stream[^>]*>([^<]*)<`).FindAllStringSubmatch(sent.String(), -1) {
		data, err := base64.StdEncoding.DecodeString(m[1])
		if err != nil {
			t.Fatal(err)
		}
		input.Write(data)
	}
	if text := input.String(); !strings.Contains(text, `"request":"check"`) || !strings.Contains(text, `"guest_la_pw"`) || strings.Contains(text, secret) {
		t.Errorf("the agent's input lacks the check, or contains the secret: %.2000s", text[max(0, len(text)-2000):])
	}
}
