// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// closeTimeout limits the end of the process on the host.
const closeTimeout = 15 * time.Second

// endOfScript is the line after the script on standard input. A line rather than the end of the input: a console never gets that.
const endOfScript = "# hypervvm: end of the script"

// loader reads the parameters and the script from standard input and runs the script. In another language mode than FullLanguage it
// cannot read; then it reports that with commands that each language mode allows.
const loader = `$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
$m=[string]$ExecutionContext.SessionState.LanguageMode
if($m -ne 'FullLanguage'){
'{"name":"language-mode","status":"fail","message":"PowerShell runs in the language mode '+$m+', in which the agent cannot work. AppLocker or App Control for Business enforces it.","remedy":"Exempt the account from the script rules of AppLocker, or allow the scripts of hypervvm in the App Control policy."}'
'{"report":"1","pass":0,"fail":1,"warn":0,"skip":0,"unknown":0}'
exit 1}
$u=New-Object Text.UTF8Encoding $false
try{[Console]::InputEncoding=$u;[Console]::OutputEncoding=$u}catch{$null=$_}
$r=New-Object IO.StreamReader([Console]::OpenStandardInput(),$u)
$p=@{Json=$true;OverWinRM=$true}
(ConvertFrom-Json $r.ReadLine()).PSObject.Members|Where-Object{$_.MemberType -eq 'NoteProperty'}|ForEach-Object{$p[$_.Name]=$_.Value}
$t=New-Object Text.StringBuilder
while($true){$l=$r.ReadLine();if($null -eq $l -or $l -eq '` + endOfScript + `'){break};$null=$t.AppendLine($l)}
& ([scriptblock]::Create($t.ToString())) @p|ForEach-Object{[Console]::Out.WriteLine($_);[Console]::Out.Flush()}
`

// finding is the result of one check: a line of the script's output.
type finding struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
}

// summary is the last line of the script's output.
type summary struct {
	Report   string         `json:"report"`
	Versions map[string]any `json:"versions"`
	Pass     int            `json:"pass"`
	Fail     int            `json:"fail"`
	Warn     int            `json:"warn"`
	Skip     int            `json:"skip"`
	Unknown  int            `json:"unknown"`
}

// doctor checks a host and prints the report.
func (c command) doctor(ctx context.Context, args []string) (code int, err error) {
	s, err := c.settings(args)
	if err != nil {
		return exitFailed, err
	}
	if s.options.Full {
		var stop func()
		ctx, stop = c.uninterrupted(ctx)
		defer stop()
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	client, err := wsman.NewClient(s.Config)
	if err != nil {
		return exitFailed, err
	}
	defer client.Close()
	var lost atomic.Bool
	process, err := client.Start(ctx, protocol.CommandLine(loader), func() { lost.Store(true) })
	if err != nil {
		return exitFailed, fmt.Errorf("start PowerShell on the host: %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, process.Close(end))
	}()
	input, err := input(s.options)
	if err != nil {
		return exitFailed, err
	}
	r := &report{out: c.stdout, json: s.json}
	if err := exchange(ctx, process, input, r); err != nil {
		return exitFailed, fmt.Errorf("the check did not finish: %w", err)
	}
	if lost.Load() {
		_, _ = fmt.Fprintln(c.stderr, "hvprov: a response of the host was lost: lines of the report may be missing. Run the check again.")
	}
	return r.end()
}

// uninterrupted returns a context that an interrupt does not end: a check that creates a virtual machine must remove it. Until stop is
// called, an interrupt prints that.
func (c command) uninterrupted(ctx context.Context) (_ context.Context, stop func()) {
	printed := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(printed)
		_, _ = fmt.Fprintln(c.stderr, "hvprov: waiting for the check to remove its virtual machine. Interrupt again to leave it on the host.")
	})
	return context.WithoutCancel(ctx), func() {
		if !cancel() {
			<-printed
		}
	}
}

// input returns what the loader reads.
func input(o options) ([]byte, error) {
	parameters, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return slices.Concat(parameters, []byte("\n"), agent.HostCheckScript(), []byte("\n"+endOfScript+"\n")), nil
}

// exchange sends the script and passes the output of the process to r until the process ends.
func exchange(ctx context.Context, process transport.Process, input []byte, r *report) error {
	errs := clixml.NewDecoder(r.errorRecord)
	// A process that ends before it has read everything, as in another language mode, fails the Send. Its output says why.
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	var sendErr error
	sending.Go(func() { sendErr = process.Send(ctx, input, true) })
	defer sending.Wait()
	defer cancel()
	for {
		output, err := process.Receive(ctx)
		if err != nil {
			return errors.Join(err, r.lastErrors())
		}
		r.write(output.Stdout)
		_, _ = errs.Write(output.Stderr) // never fails
		if output.Done {
			break
		}
	}
	errs.Close()
	r.write([]byte("\n"))
	sending.Wait()
	if r.summary == nil {
		return errors.Join(errors.New("PowerShell on the host ended before the report was complete"), r.lastErrors(), sendErr)
	}
	return nil
}

// report prints the lines of the script.
type report struct {
	out     io.Writer
	json    bool
	line    []byte
	summary *summary
	errors  []string
	err     error // of out
}

// maxLastLines is the number of lines that are kept of what is no part of the report.
const maxLastLines = 20

func (r *report) write(data []byte) {
	r.line = append(r.line, data...)
	for {
		line, rest, found := bytes.Cut(r.line, []byte("\n"))
		if !found {
			return
		}
		r.one(bytes.TrimSpace(line))
		r.line = rest
	}
}

func (r *report) one(line []byte) {
	if len(line) == 0 {
		return
	}
	var both struct {
		finding
		summary
	}
	if json.Unmarshal(line, &both) != nil || both.Name == "" && both.Report == "" {
		r.keep(string(line))
		return
	}
	if both.Report != "" {
		r.summary = &both.summary
	}
	switch {
	case r.json:
		r.print("%s\n", line)
	case both.Report == "":
		r.print("%-8s %s: %s\n", both.Status, both.Name, both.Message)
		if both.Remedy != "" {
			r.print("         remedy: %s\n", both.Remedy)
		}
	}
}

func (r *report) print(format string, args ...any) {
	_, err := fmt.Fprintf(r.out, format, args...)
	r.err = cmp.Or(r.err, err)
}

func (r *report) errorRecord(record clixml.Record) {
	if record.Stream != "progress" {
		r.keep(strings.TrimSpace(record.Text))
	}
}

func (r *report) keep(line string) {
	if line != "" && len(r.errors) < maxLastLines {
		r.errors = append(r.errors, line)
	}
}

// lastErrors returns what PowerShell wrote besides the report, as an error, or nil.
func (r *report) lastErrors() error {
	if len(r.errors) == 0 {
		return nil
	}
	return errors.New(strings.Join(r.errors, "\n"))
}

// end prints the summary and returns the exit code.
func (r *report) end() (int, error) {
	s := r.summary
	if !r.json {
		var versions []string
		for _, name := range slices.Sorted(maps.Keys(s.Versions)) {
			versions = append(versions, fmt.Sprintf("%s %v", name, s.Versions[name]))
		}
		r.print("\n%d failed, %d warnings, %d passed, %d unknown, %d skipped\n", s.Fail, s.Warn, s.Pass, s.Unknown, s.Skip)
		r.print("agent %s; check %s; %s\n", agent.Version, s.Report, strings.Join(versions, "; "))
	}
	if s.Fail > 0 || s.Warn > 0 {
		return exitFindings, r.err
	}
	return exitOK, r.err
}
