// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// copyPiece is how much of an image is copied between two looks at whether the job goes on.
const copyPiece = 1 << 20

// copyImage copies an image to a file that must not exist. created is run once the new file is there.
func (r *run) copyImage(source, target string, created func() error) (err error) {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := created(); err != nil {
		return err
	}
	length := info.Size()
	if err := out.Truncate(length); err != nil { // too little space shows now, not after an hour
		return err
	}
	copied, start, err := r.copyPieces(in, out, length)
	if err != nil {
		return err
	}
	if copied != length {
		return fmt.Errorf("the image has %d bytes, and %d were copied", length, copied)
	}
	r.progress(copied, length, time.Since(start))
	return nil
}

// copyPieces copies at the speed that the host's behaviour allows.
func (r *run) copyPieces(in io.Reader, out io.Writer, length int64) (copied int64, start time.Time, err error) {
	state, err := r.store.Read()
	if err != nil {
		return 0, start, err
	}
	speed, piece := state.Behaviour.CopyBytesPerSecond, int64(copyPiece)
	if speed > 0 {
		piece = max(1, min(piece, speed/10)) // ten pieces a second, so that a cancelled job does not wait long
	}
	start = time.Now()
	told := start
	for {
		n, err := io.CopyN(out, in, piece)
		copied += n
		if errors.Is(err, io.EOF) {
			return copied, start, nil
		}
		if err != nil {
			return copied, start, err
		}
		if speed > 0 {
			if err := r.store.Wait(r.ctx, time.Duration(n)*time.Second/time.Duration(speed)); err != nil {
				return copied, start, err
			}
		}
		if err := r.goesOn(); err != nil {
			return copied, start, err
		}
		if now := time.Now(); copied < length && now.Sub(told) >= 500*time.Millisecond {
			told = now
			r.progress(copied, length, now.Sub(start))
		}
	}
}

func (r *run) progress(copied, length int64, elapsed time.Duration) {
	percent := 100
	if copied < length {
		percent = int(copied * 100 / length)
	}
	rate := float64(copied) / max(elapsed.Seconds(), 0.001)
	r.say(job.Event{
		Kind: job.KindProgress, Percent: percent, BytesPerSecond: int64(rate),
		Message: fmt.Sprintf("%s of %s, %s/s", formatSize(float64(copied)), formatSize(float64(length)), formatSize(rate)),
	})
}
