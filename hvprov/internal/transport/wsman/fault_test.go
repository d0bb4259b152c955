// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
)

const faultEnvelope = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd">` +
	`<s:Header/><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code>` +
	`<s:Reason><s:Text xml:lang="en-US">It failed.  </s:Text></s:Reason><s:Detail>%s</s:Detail></s:Fault></s:Body></s:Envelope>`

const faultNS = `xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"`

func TestParseFault(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, detail string
		want         wsman.FaultError
	}{
		{
			"with a message", `<f:WSManFault ` + faultNS + ` Code="2150858793" Machine="hv01"><f:Message>Time is up. </f:Message></f:WSManFault>`,
			wsman.FaultError{Code: 2150858793, Subcode: "w:InternalError", Reason: "Time is up."},
		},
		{"without a detail element", ``, wsman.FaultError{Subcode: "w:InternalError", Reason: "It failed."}},
		{
			"with the code as a negative number", `<f:WSManFault ` + faultNS + ` Code="-2144108503"/>`,
			wsman.FaultError{Code: 2150858793, Subcode: "w:InternalError", Reason: "It failed."},
		},
		{
			"with a nested provider fault", `<f:WSManFault ` + faultNS + ` Code="2147942402"><f:Message><f:ProviderFault provider="Shell cmd plugin" ` +
				`path="%systemroot%\system32\winrscmd.dll"><f:WSManFault Code="87"><f:Message>The system cannot find the file specified.` + "\r\n" +
				`</f:Message></f:WSManFault></f:ProviderFault></f:Message></f:WSManFault>`,
			wsman.FaultError{Code: 2147942402, Subcode: "w:InternalError", Reason: "It failed.", Detail: "The system cannot find the file specified."},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, found, err := wsman.ParseFault([]byte(strings.Replace(faultEnvelope, "%s", c.detail, 1)))
			if err != nil || !found || *got != c.want {
				t.Errorf("got %+v, %v, %v, want %+v", got, found, err, c.want)
			}
		})
	}
}

func TestParseFaultFindsNoFault(t *testing.T) {
	t.Parallel()
	if _, found, err := wsman.ParseFault([]byte(`<s:Envelope xmlns:s="x"><s:Body>Fault</s:Body></s:Envelope>`)); found || err != nil {
		t.Errorf("an envelope without a fault: %v, %v", found, err)
	}
	cut := faultEnvelope[:len(faultEnvelope)-20]
	for _, text := range []string{cut, "<html>Fault", "<a></b>"} {
		if _, found, err := wsman.ParseFault([]byte(text)); found || err == nil {
			t.Errorf("%q: %v, %v", text, found, err)
		}
	}
}

func TestEachFaultBelongsToItsErrorClass(t *testing.T) {
	t.Parallel()
	classes := []error{transport.ErrProcessLost, transport.ErrQuota, transport.ErrBusy, transport.ErrAuth, transport.ErrDenied, transport.ErrConnectionLost, transport.ErrTimeout}
	cases := []struct {
		fault wsman.FaultError
		want  []error
	}{
		{wsman.FaultError{Code: 2150858793}, []error{transport.ErrTimeout}},
		{wsman.FaultError{Code: 2150858843}, []error{transport.ErrProcessLost}},
		{wsman.FaultError{Code: 995}, []error{transport.ErrProcessLost}},
		{wsman.FaultError{Code: 2150859173}, []error{transport.ErrQuota}},
		{wsman.FaultError{Code: 2150859174}, []error{transport.ErrQuota}},
		{wsman.FaultError{Code: 2150859240}, []error{transport.ErrQuota}},
		{wsman.FaultError{Code: 1, Subcode: "w:QuotaLimit"}, []error{transport.ErrQuota}},
		{wsman.FaultError{Code: 170}, []error{transport.ErrBusy}},
		{wsman.FaultError{Code: 2147943418, Action: "Create"}, []error{transport.ErrBusy}},
		{wsman.FaultError{Code: 2147943418, Action: "Command"}, []error{transport.ErrProcessLost}},
		{wsman.FaultError{Code: 5}, []error{transport.ErrDenied}},
		{wsman.FaultError{Code: 87}, nil},
	}
	for _, c := range cases {
		err := fmt.Errorf("wrapped: %w", &c.fault)
		for _, class := range classes {
			if got, want := errors.Is(err, class), slices.Contains(c.want, class); got != want {
				t.Errorf("fault %d (%s) is %v: %v", c.fault.Code, c.fault.Action, class, got)
			}
		}
	}
}

func TestTheErrorTextOfAFaultIsComplete(t *testing.T) {
	t.Parallel()
	err := &wsman.FaultError{
		Code: 5, Subcode: "w:AccessDenied", Reason: "Access is denied.", Action: "Create", Host: "hv01.lab.example:5986", Username: `LAB\o'neil`,
	}
	for _, part := range []string{
		"Create", "hv01.lab.example:5986", "Access is denied.", "fault 5 w:AccessDenied", "RootSDDL", "hvprov script grant",
		`.\Grant-HypervvmAccess.ps1 -Account 'LAB\o''neil'`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err.Error(), part)
		}
	}
	err.Action = "Receive"
	if strings.Contains(err.Error(), "RootSDDL") {
		t.Errorf("the shell is open already: %q", err.Error())
	}
}
