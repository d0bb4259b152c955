// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

const (
	plainLine = "2026-01-02 03:04:05 copying block 17 of web01.vhdx to the host's folder\r\n"

	// wrappedError is an error of Windows PowerShell at a width of 80 columns.
	wrappedError = `<S S="Error">Get-VM : A parameter cannot be found that matches parameter name 'Nam' of &lt;x&gt;. _x000D__x000A_</S>` +
		`<S S="Error">At line:1 char:8_x000D__x000A_</S>` +
		`<S S="Error">+ Get-VM -Nam web01_x000D__x000A_</S>` +
		`<S S="Error">+        ~~~~_x000D__x000A_</S>` +
		`<S S="Error">    + CategoryInfo          : InvalidArgument: (:) [Get-VM], ParameterBindingEx _x000D__x000A_</S>` +
		`<S S="Error">   ception_x000D__x000A_</S>` +
		`<S S="Error">    + FullyQualifiedErrorId : NamedParameterNotFound,Microsoft.HyperV.PowerShel _x000D__x000A_</S>` +
		`<S S="Error">   l.Commands.GetVM_x000D__x000A_</S>` +
		`<S S="Error"> _x000D__x000A_</S>`

	// coloredError is an error of PowerShell 7.
	coloredError = `<S S="Error">_x001B_[31;1mGet-ThisDoesNotExist: _x001B_[31;1mThe term 'Get-ThisDoesNotExist' is not recognized as a name ` +
		`of a cmdlet, function, script file, or executable program._x001B_[0m_x000A_</S>` +
		`<S S="Error">_x001B_[31;1m_x001B_[31;1mCheck the spelling of the name, or if a path was included, verify that the path is correct ` +
		`and try again._x001B_[0m_x000A_</S>`

	progressObject = `<Obj S="progress" RefId="1"><TNRef RefId="0" /><MS><I64 N="SourceId">7</I64><PR N="Record"><AV>Copying web01.vhdx</AV>` +
		`<AI>4</AI><S>block 17</S><PI>0</PI><PC>42</PC><T>Processing</T><SR>88</SR><SD>42 % done</SD></PR></MS></Obj>`
)

func BenchmarkPlainText(b *testing.B)     { benchmark(b, "", plainLine) }
func BenchmarkColoredText(b *testing.B)   { benchmark(b, "", "\x1b[32mok\x1b[0m "+plainLine) }
func BenchmarkErrorLines(b *testing.B)    { benchmark(b, open, wrappedError) }
func BenchmarkColoredErrors(b *testing.B) { benchmark(b, open, coloredError) }
func BenchmarkErrorObjects(b *testing.B)  { benchmark(b, open, errorObject) }
func BenchmarkProgress(b *testing.B)      { benchmark(b, open, progressObject) }
func BenchmarkInformation(b *testing.B)   { benchmark(b, open, informationObject) }

// benchmark decodes start and then about 64 KiB of unit, in chunks of 32 KiB as a shell returns them.
func benchmark(b *testing.B, start, unit string) {
	b.Helper()
	input := []byte(start + strings.Repeat(unit, (64<<10)/len(unit)))
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		d := clixml.NewDecoder(func(clixml.Record) {})
		for chunk := range chunks(input, 32<<10) {
			_, _ = d.Write(chunk)
		}
		d.Close()
	}
}
