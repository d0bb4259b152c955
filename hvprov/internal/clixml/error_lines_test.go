// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

// errorLines returns the CLIXML of an error that was written line by line.
func errorLines(lines ...string) string {
	var b strings.Builder
	escape := strings.NewReplacer("\x1b", "_x001B_", "&", "&amp;", "<", "&lt;")
	for _, line := range lines {
		fmt.Fprintf(&b, `<S S="Error">%s_x000D__x000A_</S>`, escape.Replace(line))
	}
	return b.String()
}

func TestTheLinesOfAnErrorAreOneRecord(t *testing.T) {
	t.Parallel()
	first := []string{
		"Get-VM : A parameter cannot be found that matches parameter ", "name 'Nam'.", "At line:1 char:8", "+ Get-VM -Nam x", "+        ~~~~",
		"    + CategoryInfo          : InvalidArgument: (:) [Get-VM], ParameterBindingEx ", "   ception",
		"    + FullyQualifiedErrorId : NamedParameterNotFound,Microsoft.HyperV.PowerShel ", "   l.Commands.GetVM",
	}
	second := []string{
		"Stop-VM : no", "At line:1 char:30", "+ Stop-VM web01", "    + CategoryInfo          : X", "    + FullyQualifiedErrorId : Y",
	}
	colored := func(codes, text string) string {
		var b strings.Builder
		for code := range strings.FieldsSeq(codes) {
			b.WriteString("\x1b[" + code + "m")
		}
		return b.String() + text + "\x1b[0m"
	}
	const end = " " // the line that the host writes after an error
	cases := []struct {
		name string
		in   string
		want []string // the texts of the errors
	}{
		{"one error", errorLines(append(first, end)...), []string{lines(append(first, end)...)}},
		{
			"two errors with end lines", errorLines(append(append(append(first, end), second...), end)...),
			[]string{lines(append(first, end)...), lines(append(second, end)...)},
		},
		{
			"two errors without end lines, as with ErrorDetails", errorLines(append(first, second...)...),
			[]string{lines(first...), lines(second...)},
		},
		{
			"an end line without the fields, as in other views", errorLines("a", end, "b"),
			[]string{lines("a", end), lines("b")},
		},
		{
			"a remote error", errorLines(append(append(second, "    + PSComputerName        : hv01", ""), first...)...),
			[]string{lines(append(second, "    + PSComputerName        : hv01", "")...), lines(first...)},
		},
		{
			"blank lines within the message", errorLines(append([]string{"Start-VM : failed.", "", "The virtual machine"}, second[1:]...)...),
			[]string{lines(append([]string{"Start-VM : failed.", "", "The virtual machine"}, second[1:]...)...)},
		},
		{
			"white space between the strings", strings.ReplaceAll(errorLines(first...), "</S>", "</S>\r\n  "),
			[]string{lines(first...)},
		},
		{
			"a blank line ends an error with its fields before any line", errorLines(append(second, "", "    indented")...),
			[]string{lines(append(second, "")...), lines("    indented")},
		},
		{"an end line without an error", errorLines(end, "a", end, "b"), []string{lines(end, "a", end), lines("b")}},
		{"strings without line ends", `<S S="Error">a</S><S S="Error">b</S>`, []string{"a", "b"}},
		{"an error whose last line has no line end", errorLines("a") + `<S S="Error">b</S>` + errorLines("c"), []string{"a\r\nb", "c\r\n"}},
		{"several lines in one string", errorLines("a_x000A_b_x000A_    + FullyQualifiedErrorId : Y", "c"), []string{"a\nb\n    + FullyQualifiedErrorId : Y\r\n", "c\r\n"}},
		{
			"an error ends with its document", errorLines("a") + closed + open + errorLines("b"),
			[]string{"a\r\n", "b\r\n"},
		},
		{
			"PowerShell 7: errors of one and two lines",
			errorLines(
				"\x1b[31;1mWrite-Error: "+colored("31;1", "one"), "\x1b[31;1mGet-X: "+colored("31;1", "two"), colored("31;1 31;1", "goes on"),
				"\x1b[31;1mWrite-Error: "+colored("31;1", "three"),
			),
			[]string{"Write-Error: one\r\n", "Get-X: two\r\ngoes on\r\n", "Write-Error: three\r\n"},
		},
		{
			"PowerShell 7: errors with positions",
			strings.Repeat(errorLines(
				colored("31;1", "ParserError: "), colored("31;1 36;1", "Line |"),
				"\x1b[31;1m\x1b[36;1m\x1b[36;1m   1 | \x1b[0m if ($true "+colored("36;1", "{")+" \"x\" }\x1b[0m",
				"\x1b[31;1m\x1b[36;1m\x1b[36;1m\x1b[0m\x1b[36;1m\x1b[0m\x1b[36;1m     | "+colored("31;1", "~"),
			), 2),
			slices.Repeat([]string{lines("ParserError: ", "Line |", "   1 |  if ($true { \"x\" }", "     | ~")}, 2),
		},
		{
			"PowerShell 7: blank lines within the message",
			errorLines("\x1b[31;1mWrite-Error: "+colored("31;1", "one"), colored("31;1 31;1", ""), colored("31;1 31;1", "two")),
			[]string{lines("Write-Error: one", "", "two")},
		},
		{
			"PowerShell 7.0, which does not repeat colors",
			errorLines("\x1b[91mGet-X: "+colored("91", "two"), "goes on "+colored("7", "here"), "and on", "\x1b[91mGet-Y: "+colored("91", "three")),
			[]string{"Get-X: two\r\ngoes on here\r\nand on\r\n", "Get-Y: three\r\n"},
		},
		{
			"PowerShell 7 with the error view of 5.1",
			errorLines(colored("31;1", "Get-X: one"), colored("31;1", "At line:1 char:1"), colored("31;1", "    + FullyQualifiedErrorId : Y"), colored("31;1", "Get-X: two")),
			[]string{lines("Get-X: one", "At line:1 char:1", "    + FullyQualifiedErrorId : Y"), "Get-X: two\r\n"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := []string{}
			for _, text := range c.want {
				want = append(want, fmt.Sprintf("error %q", text))
			}
			checkEachSplit(t, open+c.in+closed, want)
		})
	}
}

func lines(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func TestTheEndOfAnErrorOfLines(t *testing.T) {
	t.Parallel()
	a, b := errorLines("a"), errorLines("b")
	for name, c := range map[string]struct {
		input string
		want  []string
	}{
		"a record of another stream":         {a + `<S S="warning">w</S>` + b, []string{`error "a\r\n"`, `warning "w"`, `error "b\r\n"`}},
		"an object":                          {a + "<Obj><ToString>o</ToString></Obj>" + b, []string{`error "a\r\n"`, `output "o"`, `error "b\r\n"`}},
		"an error object":                    {a + `<Obj S="Error"><ToString>o</ToString></Obj>` + b, []string{`error "a\r\n"`, `error "o"`, `error "b\r\n"`}},
		"plain text":                         {a + "native\n" + b, []string{`error "a\r\n"`, `text "native\n"`, `error "b\r\n"`}},
		"the end of the input":               {a, []string{`error "a\r\n"`}},
		"the end of the input within a line": {a + `<S S="Error">half`, []string{`error "a\r\nhalf" TRUNC`}},
		"the end of the input before a line": {a + `<S S="Error">`, []string{`error "a\r\n"`}},
		"a document within a line":           {a + `<S S="Error">half` + open + b, []string{`error "a\r\nhalf#< CLIXML\r\n" TRUNC`, `error "b\r\n"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkEachSplit(t, open+c.input, c.want)
		})
	}
}

func TestAnErrorOfTooManyLinesIsSplit(t *testing.T) {
	t.Parallel()
	const limit, n = 16 << 10, 4000
	var records []clixml.Record
	d := clixml.NewDecoder(func(r clixml.Record) { records = append(records, r) })
	clixml.SetLimit(d, limit)
	_, _ = d.Write([]byte(open + errorLines(slices.Repeat([]string{"a line"}, n)...) + closed))
	d.Close()
	var joined strings.Builder
	for i, r := range records {
		joined.WriteString(r.Text)
		if r.Stream != "error" || len(r.Text) > limit || r.Truncated != (i < len(records)-1) {
			t.Errorf("record %d: %s of %d bytes, truncated %v", i, r.Stream, len(r.Text), r.Truncated)
		}
	}
	if joined.String() != strings.Repeat("a line\r\n", n) || len(records) < 2 {
		t.Errorf("%d records, %d bytes", len(records), joined.Len())
	}
}
