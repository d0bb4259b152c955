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

// followInterval is how often the job logs are read.
const followInterval = 50 * time.Millisecond

// followJobLogs prints the lines of the job logs as they are written. The function that it returns stops it.
func (d *demo) followJobLogs() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(followInterval)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				d.printJobLogs()
				return
			case <-tick.C:
				d.printJobLogs()
			}
		}
	}()
	return func() { close(quit); <-done }
}

// printJobLogs prints the complete lines that each log has gained.
func (d *demo) printJobLogs() {
	logs, _ := filepath.Glob(filepath.Join(d.logs, "*.log")) // the pattern is valid
	for _, log := range logs {
		text, err := readFrom(log, d.offsets[log])
		end := bytes.LastIndexByte(text, '\n') + 1
		if err != nil || end == 0 {
			continue // read again at the next tick
		}
		d.offsets[log] += int64(end)
		for line := range strings.Lines(string(text[:end])) {
			d.jobLines++
			d.printf("  job %.8s | %s", filepath.Base(log), strings.TrimRight(line, "\r\n"))
		}
	}
}

func readFrom(path string, offset int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}
