// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheValidatorFindsEachMistakeInAnAnswerFile makes one mistake at a time in a valid answer file.
func TestTheValidatorFindsEachMistakeInAnAnswerFile(t *testing.T) {
	t.Parallel()
	settings := answerSettings(t)
	text, err := os.ReadFile(filepath.Join("testdata", "unattend", "valid.xml"))
	if err != nil {
		t.Fatal(err)
	}
	valid := string(text)
	if problems := validateAnswer(settings, text); len(problems) > 0 {
		t.Fatalf("the valid answer file: %q", problems)
	}
	const attributes = ` processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">`
	for name, c := range map[string]struct{ before, after, want string }{
		"text that is not escaped":                {"a &amp; b", "a & b", "not well-formed"},
		"an element that is not closed":           {"</RunSynchronous>", "", "not well-formed"},
		"another namespace":                       {`xmlns="urn:schemas-microsoft-com:unattend"`, `xmlns="urn:schemas-microsoft-com:asm.v3"`, "the root element is"},
		"no namespace of lists":                   {`xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"`, `xmlns:wcm="urn:x"`, "wcm:action is"},
		"an unknown pass":                         {`pass="oobeSystem"`, `pass="oobe"`, `unknown pass "oobe"`},
		"a pass twice":                            {`pass="oobeSystem"`, `pass="specialize"`, "the pass specialize is there twice"},
		"a setting in the wrong pass":             {"<TimeZone>UTC</TimeZone>", "<OOBE><HideEULAPage>true</HideEULAPage></OOBE>", "OOBE: not valid in the pass specialize"},
		"an unknown setting":                      {"<TimeZone>UTC</TimeZone>", "<Timezone>UTC</Timezone>", "unknown setting"},
		"an unknown component":                    {`name="Microsoft-Windows-Deployment"`, `name="Microsoft-Windows-Deploy"`, "Microsoft-Windows-Deploy/RunSynchronous: unknown setting"},
		"a component twice":                       {`name="Microsoft-Windows-Deployment"` + attributes, `name="Microsoft-Windows-TCPIP"` + attributes, "the component Microsoft-Windows-TCPIP is there twice"},
		"a component of 32-bit images":            {`"Microsoft-Windows-TCPIP" processorArchitecture="amd64"`, `"Microsoft-Windows-TCPIP" processorArchitecture="x86"`, `processorArchitecture is "x86"`},
		"a setting twice":                         {"<TimeZone>UTC</TimeZone>", "<ComputerName>web-2</ComputerName>", "ComputerName: there twice"},
		"an identifier before the IPv4 settings":  {"<Ipv4Settings><DhcpEnabled>false</DhcpEnabled></Ipv4Settings>\n          <Identifier>00-15-5D-00-00-01</Identifier>", "<Identifier>00-15-5D-00-00-01</Identifier><Ipv4Settings><DhcpEnabled>false</DhcpEnabled></Ipv4Settings>", "Ipv4Settings: in a wrong order"},
		"a prefix before the gateway":             {"<NextHopAddress>192.0.2.1</NextHopAddress><Prefix>0.0.0.0/0</Prefix>", "<Prefix>0.0.0.0/0</Prefix><NextHopAddress>192.0.2.1</NextHopAddress>", "NextHopAddress: in a wrong order"},
		"a computer name of 16 bytes":             {"web-1", "a-name-of-16-xxx", "16 bytes"},
		"a computer name of 16 bytes in UTF-8":    {"web-1", "namens\u00fcberg\u00e4ng", "16 bytes"},
		"a computer name of digits":               {"web-1", "2026", "only digits"},
		"a computer name with a dot":              {"web-1", "web.1", `"web.1" is not valid`},
		"an empty value":                          {"<TimeZone>UTC</TimeZone>", "<TimeZone></TimeZone>", "TimeZone: an empty value"},
		"an empty group":                          {"<Ipv4Settings><DhcpEnabled>false</DhcpEnabled></Ipv4Settings>", "<Ipv4Settings/>", "Ipv4Settings: empty"},
		"a short product key":                     {"-DDDDD-EEEEE", "-DDDDD", "ProductKey"},
		"an item without wcm:action":              {`<LocalAccount wcm:action="add">`, "<LocalAccount>", `LocalAccount: wcm:action is ""`},
		"a key twice":                             {`wcm:keyValue="2"`, `wcm:keyValue="1"`, `wcm:keyValue "1" is empty or there twice`},
		"no key":                                  {` wcm:keyValue="2"`, "", `wcm:keyValue "" is empty`},
		"an identifier twice":                     {"00-15-5D-00-00-02", "00-15-5d-00-00-01", "is there twice"},
		"a route's identifier twice":              {"<Identifier>2</Identifier>", "<Identifier>1</Identifier>", `Route/Identifier: "1" is there twice`},
		"a MAC address with colons":               {"00-15-5D-00-00-02", "00:15:5D:00:00:02", "Identifier"},
		"a subnet mask":                           {"198.51.100.5/24", "198.51.100.5/255.255.255.0", "IpAddress"},
		"a prefix with an address of a host":      {"0.0.0.0/0", "192.0.2.5/24", "Prefix"},
		"a gateway with a prefix":                 {"<NextHopAddress>192.0.2.1<", "<NextHopAddress>192.0.2.1/24<", "NextHopAddress"},
		"True with a capital letter":              {"<HideEULAPage>true<", "<HideEULAPage>True<", "HideEULAPage"},
		"a choice that does not exist":            {"<ProtectYourPC>3<", "<ProtectYourPC>4<", "ProtectYourPC"},
		"an order of zero":                        {"<Order>1<", "<Order>0<", "Order"},
		"an order twice":                          {"<Order>2<", "<Order>1<", `Order: "1" is there twice`},
		"a command of 260 characters":             {"cmd.exe /c ver", strings.Repeat("x", 260), "Path"},
		"a domain and a workgroup":                {"</JoinDomain>", "</JoinDomain><JoinWorkgroup>LAB</JoinWorkgroup>", "not one of JoinDomain and JoinWorkgroup"},
		"neither a domain nor a workgroup":        {"<JoinDomain>corp.lab.example</JoinDomain>", "<MachineObjectOU>OU=x</MachineObjectOU>", "not one of JoinDomain and JoinWorkgroup"},
		"the domain of an account twice":          {"<Username>join<", "<Username>join@lab.example<", "the domain of the account is there twice"},
		"no domain of an account":                 {"<Domain>LAB</Domain>", "", "or not at all"},
		"a hidden password that is not base64":    {"eABQAGEAcwBzAHcAbwByAGQA", "secret!", "not base64"},
		"a hidden password without its element":   {"eABQAGEAcwBzAHcAbwByAGQA", "eAA=", "not followed by Password"},
		"an account name with a forbidden letter": {"<Name>ops<", "<Name>LAB\\ops<", "Name"},
		"text beside elements":                    {"<OOBE>", "<OOBE>x", "OOBE: text beside elements"},
		"a locale with an underscore":             {"<UILanguage>en-US<", "<UILanguage>en_US<", "UILanguage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(valid, c.before) {
				t.Fatalf("the valid answer file does not have %q", c.before)
			}
			problems := validateAnswer(settings, []byte(strings.Replace(valid, c.before, c.after, 1)))
			if len(problems) == 0 || !strings.Contains(strings.Join(problems, "\n"), c.want) {
				t.Errorf("got %q, want %q", problems, c.want)
			}
		})
	}
}
