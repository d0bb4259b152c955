// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

func fromUTF16(units []uint16) string { return string(utf16.Decode(units)) }

const (
	open   = "#< CLIXML\r\n" + `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">`
	closed = "</Objs>"

	errorObject = `<Obj S="Error" RefId="0"><TN RefId="0"><T>System.Management.Automation.ErrorRecord</T><T>System.Object</T></TN>` +
		`<ToString>VM 'web01' not found_x000A_</ToString><MS><Obj N="Exception" RefId="1"><TN RefId="1"><T>System.Exception</T><T>System.Object</T></TN>` +
		`<ToString>VirtualizationException</ToString><Props><S N="Message">VM 'web01' not found</S></Props></Obj><Nil N="TargetObject" />` +
		`<S N="FullyQualifiedErrorId">InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM</S><I32 N="ErrorCategory_Category">13</I32>` +
		`<S N="ErrorCategory_Activity">Get-VM</S><S N="ErrorCategory_Reason">VirtualizationException</S><S N="ErrorCategory_TargetName">web01</S>` +
		`<B N="SerializeExtendedInfo">false</B></MS></Obj>`

	informationObject = `<Obj S="information" RefId="0"><TN RefId="0"><T>System.Management.Automation.InformationRecord</T></TN><ToString>shown</ToString>` +
		`<Props><Obj N="MessageData" RefId="1"><TN RefId="1"><T>System.Management.Automation.HostInformationMessage</T></TN><ToString>shown</ToString>` +
		`<Props><S N="Message">hello host</S><B N="NoNewLine">true</B></Props></Obj><S N="Source">Write-Host</S>` +
		`<DT N="TimeGenerated">2026-01-02T03:04:05.0000000Z</DT><Obj N="Tags" RefId="2"><LST><S>PSHOST</S><S>b</S></LST></Obj></Props></Obj>`
)

func TestTheTextOfObjects(t *testing.T) {
	t.Parallel()
	input := open + errorObject + informationObject +
		`<Obj S="information" RefId="3"><Props><S N="MessageData">plain</S><Obj N="Tags"><LST/></Obj></Props></Obj>` +
		`<Obj S="information" RefId="4"><ToString>text</ToString></Obj>` + progressObject + closed
	checkEachSplit(t, input, []string{
		`error "VM 'web01' not found\n"`, `information "hello host"`, `information "plain"`, `information "text"`, `progress "Copying web01.vhdx"`,
	})
}

func TestTextAndUnusualMarkupInDocuments(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, input string
		want        []string
	}{
		{
			"a nested document",
			open + `<S S="Error">1</S>` + open + `<S S="Error">2</S>` + closed + `<S S="Error">3</S>` + closed + "end",
			[]string{`error "1"`, `error "2"`, `error "3"`, `text "end"`},
		},
		{
			"native output within an object precedes its record",
			open + "<Obj S=\"Output\"><ToString>t</ToString>\nnative: 3 < 4 & <file> done\n<Props><S N=\"a\">1</S></Props></Obj>" + closed,
			[]string{`text "native: 3 < 4 & <file> done\n"`, `output "t"`},
		},
		{"a truncated tag is text", open + "<S S=\"Err<S S=\"Error\">x</S>" + closed, []string{`text "<S S=\"Err"`, `error "x"`}},
		{"a tag truncated before its attributes is text", open + "<S <S S=\"Error\">x</S>" + closed, []string{`text "<S "`, `error "x"`}},
		{"a greater-than sign within an attribute", `<Objs><S N='a>"b' S="a>b">x</S></Objs>`, []string{`a>b "x"`}},
		{
			"escaped names", `<Objs><Obj S="inform&#97;tion"><Props><S N="Message_x0044_ata">d</S><S N="Sour&#x63;e">s</S></Props></Obj></Objs>`,
			[]string{`information "d"`},
		},
		{"blank lines of plain text", "a\n\nb\n", []string{`text "a\n"`, `text "\n"`, `text "b\n"`}},
		{"a byte order mark is removed", "\uFEFF" + open + `<S S="Error">x</S>` + closed, []string{`error "x"`}},
		{"a byte order mark after the header is removed", "#< CLIXML\r\n\uFEFF<Objs><S>x</S></Objs>", []string{`output "x"`}},
		{"a header that ends with a carriage return", "#< CLIXML\r<Objs><S>x</S></Objs>", []string{`output "x"`}},
		{"a header within a line of text", "a#< CLIXML\rb\n", []string{`text "a"`, `text "b\n"`}},
		{"unknown entities and ampersands are text", "<Objs><S>a &nbsp; b & c &#xZZ; &amp;amp; &</S></Objs>", []string{`output "a &nbsp; b & c &#xZZ; &amp; &"`}},
		{"all entities", "<Objs><S>&lt;&gt;&amp;&quot;&apos;&#9;&#x1F3B5;&#x110000;&#xD83C;&lt</S></Objs>", []string{"output \"<>&\\\"'\\t\U0001F3B5&#x110000;\uFFFD&lt\""}},
		{"a less-than sign within a string", "<Objs><S>a < b </T> <S x</S></Objs>", []string{`output "a < b </T> <S x"`}},
		{
			"a comment is removed, an unterminated one is text", "<Objs><!-- no --><S>a</S><!-->" + strings.Repeat("x", 1100) + "<S>b</S></Objs>",
			[]string{`output "a"`, `text "<!-->` + strings.Repeat("x", 1100) + `"`, `output "b"`},
		},
		{"a document that ends within a string", "<Objs><S S=\"Error\">ab</Objs>c\n", []string{`error "ab" TRUNC`, `text "c\n"`}},
		{"escapes in a stream's name", "<Objs><S S=\"a_x0020_b\">x</S></Objs>", []string{`a b "x"`}},
		{
			"members beyond the maximum depth are ignored",
			"<Objs><Obj><ToString>t</ToString>" + strings.Repeat("<Obj>", 100) + "<S>deep</S>" + strings.Repeat("</Obj>", 101) + "<S>after</S></Objs>",
			[]string{`output "t"`, `output "after"`},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			checkEachSplit(t, c.input, c.want)
		})
	}
}

func TestADecoderCanBeReusedAfterClose(t *testing.T) {
	t.Parallel()
	var texts []string
	d := clixml.NewDecoder(func(r clixml.Record) { texts = append(texts, r.Text) })
	for range 2 {
		_, _ = d.Write([]byte("<Objs><S>half"))
		d.Close()
	}
	if !reflect.DeepEqual(texts, []string{"half", "half"}) {
		t.Errorf("got %q", texts)
	}
}

func TestARecordThatIsTooLongIsSplitWithoutLoss(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	decode := func(chunks ...[]byte) (records []clixml.Record) {
		d := clixml.NewDecoder(func(r clixml.Record) { records = append(records, r) })
		clixml.SetLimit(d, limit)
		for _, c := range chunks {
			_, _ = d.Write(c)
		}
		d.Close()
		return records
	}
	for name, unit := range map[string]string{"characters": "ü日", "escapes": "a_xD83C__xDFB5_", "ASCII": "0123456"} {
		for _, kind := range []string{"string", "line"} {
			t.Run(name+" in a "+kind, func(t *testing.T) {
				t.Parallel()
				content := strings.Repeat(unit, 2*limit/len(unit)+100)
				want, prefix, suffix := content, "", ""
				if kind == "string" {
					want, prefix, suffix = strings.ReplaceAll(content, "_xD83C__xDFB5_", "🎵"), "<Objs><S>", "</S></Objs>"
				}
				input := []byte(prefix + content + suffix)
				whole := decode(input)
				if len(whole) < 2 {
					t.Fatalf("%d records", len(whole))
				}
				var joined strings.Builder
				for i, r := range whole {
					joined.WriteString(r.Text)
					if len(r.Text) > limit || len(r.Text) == 0 || r.Truncated != (i < len(whole)-1) || !utf8.ValidString(r.Text) || strings.Contains(r.Text, "\uFFFD") {
						t.Errorf("record %d has %d bytes, truncated %v", i, len(r.Text), r.Truncated)
					}
				}
				if joined.String() != want {
					t.Error("the joined records differ from the input")
				}
				if !reflect.DeepEqual(decode(slices.Collect(chunks(input, 1021))...), whole) {
					t.Error("the records differ if the input is split")
				}
			})
		}
	}
}

// chunks splits b into chunks of the given size.
func chunks(b []byte, size int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 && yield(b[:min(size, len(b))]) {
			b = b[min(size, len(b)):]
		}
	}
}

func TestATagThatIsTooLongIsText(t *testing.T) {
	t.Parallel()
	tag := `<S S="` + strings.Repeat("a", 64<<10) + `">`
	input := []byte("<Objs>" + tag + "x\n</Objs>")
	want := []clixml.Record{{Stream: "text", Text: tag + "x\n"}}
	for _, at := range []int{0, 6, 7, 8, 100, 32 << 10, 64 << 10, len(input) - 20} {
		if got := decode(input[:at], input[at:]); !reflect.DeepEqual(got, want) {
			t.Errorf("split at %d: %d records, the first %.100v", at, len(got), got)
		}
	}
}

func TestAMemberThatIsTooLongIsDropped(t *testing.T) {
	t.Parallel()
	const limit = 1 << 10
	long := strings.Repeat("x", limit+1)
	input := []byte("<Objs><Obj S='information'><ToString>t</ToString><Props><S N='MessageData'>" + long + "</S></Props></Obj>" +
		"<Obj><ToString>" + long[:limit/2] + "</ToString><ToString>" + long + "</ToString></Obj><Obj><ToString>after</ToString></Obj></Objs>")
	want := []string{`information "t" TRUNC`, `output "` + long[:limit/2] + `" TRUNC`, `output "after"`}
	for _, input := range [][][]byte{{input}, bytewise(input)} {
		var got []string
		for _, r := range decodeWith(func(d *clixml.Decoder) { clixml.SetLimit(d, limit) }, input...) {
			got = append(got, show(r))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %q", got)
		}
	}
}

func TestAByteOrderMarkWhereALineIsSplitIsKept(t *testing.T) {
	t.Parallel()
	const limit = 1 << 10
	input := strings.Repeat("x", limit) + "\uFEFF" + strings.Repeat("y", limit)
	var got strings.Builder
	for _, r := range decodeWith(func(d *clixml.Decoder) { clixml.SetLimit(d, limit) }, []byte(input)) {
		got.WriteString(r.Text)
	}
	if got.String() != input {
		t.Error("the joined records differ from the input")
	}
}
