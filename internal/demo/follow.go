// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// followEvery is how often the log files are looked at: often enough for lines to scroll by as they come.
const followEvery = 50 * time.Millisecond

// follower shows the lines of the job logs of a folder as they are written.
type follower struct {
	dir     string
	printer *printer
	read    map[string]int64 // bytes shown, by file
	shown   shown

	quit, done chan struct{}
}

// shown is what was shown of the jobs' logs.
type shown struct {
	lines int
	delay time.Duration // the longest time from a line's own time, which is the host's, to when it was shown
}

// follow begins to follow the files of dir, which need not be there yet.
func follow(dir string, p *printer) *follower {
	f := &follower{dir: dir, printer: p, read: map[string]int64{}, quit: make(chan struct{}), done: make(chan struct{})}
	go f.run()
	return f
}

// stop shows what is there, ends, and tells what was shown.
func (f *follower) stop() shown {
	close(f.quit)
	<-f.done
	return f.shown
}

func (f *follower) run() {
	defer close(f.done)
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-f.quit:
			f.look()
			return
		case <-tick.C:
			f.look()
		}
	}
}

// look shows the whole lines that each file has beyond what was shown.
func (f *follower) look() {
	files, err := filepath.Glob(filepath.Join(f.dir, "*.log"))
	if err != nil {
		return // only a pattern that is none
	}
	for _, file := range files {
		text, err := tail(file, f.read[file])
		end := bytes.LastIndexByte(text, '\n') + 1
		if err != nil || end == 0 {
			continue
		}
		f.read[file] += int64(end)
		for line := range strings.Lines(string(text[:end])) {
			f.show(jobName(file), strings.TrimRight(line, "\r\n"))
		}
	}
}

// show shows a line: its time, and what was said.
func (f *follower) show(name, line string) {
	f.shown.lines++
	fields := strings.SplitN(line, " ", 4) // time, sequence number, kind, text
	at, err := time.Parse(time.RFC3339Nano, fields[0])
	if err != nil || len(fields) < 4 {
		f.printer.job(name, line)
		return
	}
	f.shown.delay = max(f.shown.delay, time.Since(at))
	f.printer.job(name, at.Local().Format("15:04:05.000")+" "+fields[3])
}

func tail(path string, from int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}

// jobName gives the beginning of a job's id, which tells the jobs of one run apart.
func jobName(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), ".log")
	return name[:min(8, len(name))]
}
