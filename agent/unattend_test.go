// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// This file validates answer files against Microsoft's documentation, without knowledge of what writes them. Each row of
// testdata/unattend/settings.tsv is a setting: its component, its place, the passes in which it is valid, its value, and the page that says
// so, below https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/.
//
// A value is "group", an element with children in any order; "ordered", one whose children must be in the order of the table; or a type
// with its limits. "item" marks the elements of a list, "key" those that have a key as an attribute, and "unique" a value that no other
// item of the list may have.

const (
	unattendNamespace = "urn:schemas-microsoft-com:unattend"
	listNamespace     = "http://schemas.microsoft.com/WMIConfig/2002/State"
)

// answerSetting is a setting that an answer file may have.
type answerSetting struct {
	row               int
	passes            []string
	item, key, unique bool
	value             []string // the type and its limits
}

// answerSettings reads the table, by component and place.
func answerSettings(t *testing.T) map[string]*answerSetting {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "unattend", "settings.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]*answerSetting{}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		columns := strings.Split(line, "\t")
		s := &answerSetting{row: i, passes: strings.Fields(columns[2]), value: strings.Fields(columns[3])}
		for _, flag := range []struct {
			name string
			set  *bool
		}{{"item", &s.item}, {"key", &s.key}, {"unique", &s.unique}} {
			if s.value[0] == flag.name {
				*flag.set, s.value = true, s.value[1:]
			}
		}
		settings["Microsoft-Windows-"+columns[0]+"/"+columns[1]] = s
	}
	return settings
}

// element is an element of an answer file.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string
	children []*element
}

// attr returns an attribute.
func (e *element) attr(namespace, name string) string {
	for _, a := range e.attrs {
		if a.Name == (xml.Name{Space: namespace, Local: name}) {
			return a.Value
		}
	}
	return ""
}

// child returns the text of a child, and whether there is one.
func (e *element) child(name string) (string, bool) {
	i := slices.IndexFunc(e.children, func(c *element) bool { return c.name.Local == name })
	if i < 0 {
		return "", false
	}
	return e.children[i].text, true
}

// parseAnswer parses an answer file.
func parseAnswer(document []byte) (*element, error) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	root := &element{}
	open := []*element{root}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not well-formed: %w", err)
		}
		top := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name, attrs: token.Copy().Attr}
			top.children = append(top.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			top.text += string(token)
		}
	}
	if len(root.children) != 1 {
		return nil, errors.New("not well-formed: not one root element")
	}
	return root.children[0], nil
}

// answerValidator collects what is wrong with an answer file.
type answerValidator struct {
	settings map[string]*answerSetting
	problems []string
}

func (v *answerValidator) addf(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// validateAnswer returns what is wrong with an answer file.
func validateAnswer(settings map[string]*answerSetting, document []byte) []string {
	root, err := parseAnswer(document)
	if err != nil {
		return []string{err.Error()}
	}
	v := &answerValidator{settings: settings}
	if root.name != (xml.Name{Space: unattendNamespace, Local: "unattend"}) {
		v.addf("the root element is %s in %q", root.name.Local, root.name.Space)
		return v.problems
	}
	passes := map[string]bool{}
	for _, pass := range root.children {
		name := pass.attr("", "pass")
		// https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-configuration-passes
		if !slices.Contains([]string{"windowsPE", "offlineServicing", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem"}, name) {
			v.addf("unknown pass %q", name)
			continue
		}
		if passes[name] {
			v.addf("the pass %s is there twice", name)
		}
		passes[name] = true
		components := map[string]bool{}
		for _, component := range pass.children {
			v.component(name, component)
			if id := component.attr("", "name"); components[id] {
				v.addf("the component %s is there twice", id)
			} else {
				components[id] = true
			}
		}
	}
	return v.problems
}

// component validates a component. Its attributes:
// https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/components-b-unattend
func (v *answerValidator) component(pass string, component *element) {
	name := component.attr("", "name")
	for attribute, want := range map[string]string{"processorArchitecture": "amd64", "publicKeyToken": "31bf3856ad364e35", "language": "neutral", "versionScope": "nonSxS"} {
		if got := component.attr("", attribute); got != want {
			v.addf("%s: the attribute %s is %q", name, attribute, got)
		}
	}
	if len(component.children) == 0 {
		v.addf("%s: no settings", name)
	}
	v.children(pass, name, component, false)
}

// children validates the children of an element.
func (v *answerValidator) children(pass, place string, parent *element, ordered bool) {
	seen, keys, row := map[string]bool{}, map[string]bool{}, 0
	unique := map[string]bool{}
	for _, child := range parent.children {
		at := place + "/" + child.name.Local
		setting := v.settings[at]
		if setting == nil || child.name.Space != unattendNamespace {
			v.addf("%s: unknown setting in %q", at, child.name.Space)
			continue
		}
		if !slices.Contains(setting.passes, pass) {
			v.addf("%s: not valid in the pass %s", at, pass)
		}
		if ordered && setting.row < row {
			v.addf("%s: in a wrong order", at)
		}
		row = setting.row
		if list := setting.item || setting.key; seen[at] && !list {
			v.addf("%s: there twice", at)
		} else if action := child.attr(listNamespace, "action"); list && action != "add" {
			v.addf("%s: wcm:action is %q", at, action)
		} else if !list && len(child.attrs) > 0 {
			v.addf("%s: an attribute", at)
		}
		seen[at] = true
		if key := child.attr(listNamespace, "keyValue"); setting.key && (key == "" || keys[at+key]) {
			v.addf("%s: wcm:keyValue %q is empty or there twice", at, key)
		} else {
			keys[at+key] = true
		}
		if kind := setting.value[0]; kind == "group" || kind == "ordered" {
			if strings.TrimSpace(child.text) != "" {
				v.addf("%s: text beside elements", at)
			} else if len(child.children) == 0 {
				v.addf("%s: empty", at)
			}
			v.children(pass, at, child, kind == "ordered")
			for _, value := range child.children {
				if s := v.settings[at+"/"+value.name.Local]; s != nil && s.unique && setting.item {
					if id := value.name.Local + strings.ToLower(value.text); unique[id] {
						v.addf("%s/%s: %q is there twice", at, value.name.Local, value.text)
					} else {
						unique[id] = true
					}
				}
			}
			v.rules(at, child)
			continue
		}
		if len(child.children) > 0 {
			v.addf("%s: has elements", at)
		} else if problem := checkAnswerValue(setting.value, child.text); problem != "" {
			v.addf("%s: %s", at, problem)
		}
	}
}

// rules validates settings that depend on one another.
func (v *answerValidator) rules(at string, e *element) {
	switch place := at[strings.Index(at, "/")+1:]; place {
	case "Identification":
		_, domain := e.child("JoinDomain")
		if _, workgroup := e.child("JoinWorkgroup"); domain == workgroup {
			v.addf("%s: not one of JoinDomain and JoinWorkgroup", at)
		}
	case "Identification/Credentials":
		_, domain := e.child("Domain")
		if user, _ := e.child("Username"); strings.ContainsAny(user, `\@`) == domain {
			v.addf("%s: the domain of the account is there twice, or not at all", at)
		}
	case "UserAccounts/AdministratorPassword", "UserAccounts/LocalAccounts/LocalAccount/Password":
		value, _ := e.child("Value")
		if plain, _ := e.child("PlainText"); plain != "false" {
			return
		}
		if _, err := hiddenPassword(value, place[strings.LastIndex(place, "/")+1:]); err != nil {
			v.addf("%s/Value: %v", at, err)
		}
	}
}

// hiddenPassword returns a password that is hidden in an answer file: it is followed by the name of its element, as the example of
// microsoft-windows-shell-setup-useraccounts shows.
func hiddenPassword(value, name string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return "", fmt.Errorf("not base64: %w", err)
	}
	var units []uint16
	for i := 0; i+1 < len(raw); i += 2 {
		units = append(units, uint16(raw[i])|uint16(raw[i+1])<<8)
	}
	password, found := strings.CutSuffix(string(utf16.Decode(units)), name)
	if !found {
		return "", fmt.Errorf("not followed by %s", name)
	}
	return password, nil
}

var (
	answerMAC     = regexp.MustCompile(`^(?i)[0-9a-f]{2}([^0-9a-f][0-9a-f]{2}){5}$`)
	answerLocale  = regexp.MustCompile(`^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*|[0-9A-Fa-f]{4}:[0-9A-Fa-f]{8})$`)
	answerKey     = regexp.MustCompile(`^[0-9A-Z]{5}(-[0-9A-Z]{5}){4}$`)
	answerNumbers = regexp.MustCompile(`^[0-9]+$`)
)

// checkAnswerValue returns what is wrong with a value, or an empty string.
func checkAnswerValue(kind []string, value string) string {
	limit := func(i int) int {
		if len(kind) <= i {
			return 1 << 20
		}
		n, _ := strconv.Atoi(kind[i])
		return n
	}
	if value == "" && kind[0] != "any" && kind[0] != "password" && kind[0] != "locale" {
		return "an empty value"
	}
	valid := true
	switch kind[0] {
	case "any", "text":
		valid = len(utf16.Encode([]rune(value))) <= limit(1)
	case "number":
		n, err := strconv.Atoi(value)
		valid = err == nil && n >= limit(1) && n <= limit(2)
	case "boolean":
		valid = value == "true" || value == "false"
	case "choice":
		valid = slices.Contains(kind[1:], value)
	case "computer-name":
		if len(value) > 15 {
			return fmt.Sprintf("%d bytes", len(value))
		}
		if answerNumbers.MatchString(value) {
			return "only digits"
		}
		valid = !strings.ContainsAny(value, "{|}~[\\]^':;<=>?@!\"#$%`()+/.,*& ")
	case "product-key":
		valid = answerKey.MatchString(value)
	case "locale":
		valid = value == "" || answerLocale.MatchString(value)
	case "identifier":
		valid = len(value) <= 256 && (!answerMAC.MatchString(value) || strings.Count(value, "-") == 5)
	case "account":
		valid = len(value) <= 256 && !strings.ContainsAny(value, `"/[]:|<>+=;,?*%@`+"\\") && !strings.EqualFold(value, "none")
	case "address":
		_, err := netip.ParseAddr(value)
		valid = err == nil
	case "unicast": // without a length, that of the address class
		_, err := netip.ParsePrefix(value)
		_, without := netip.ParseAddr(value)
		valid = err == nil || without == nil
	case "prefix":
		if p, err := netip.ParsePrefix(value); err == nil {
			valid = p == p.Masked()
		} else {
			n, err := strconv.Atoi(value)
			valid = err == nil && n >= 0 && n <= 128
		}
	}
	if !valid {
		return fmt.Sprintf("%q is not valid (%s)", value, strings.Join(kind, " "))
	}
	return ""
}
