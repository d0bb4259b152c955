// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// CmdletError is the failure of a cmdlet, with the message that a user of PowerShell would read.
type CmdletError struct {
	Cmdlet  string
	Message string
	err     error
}

func (e *CmdletError) Error() string { return e.Message }

func (e *CmdletError) Unwrap() error { return e.err }

// ErrVMNotFound is wrapped by the error of every call for a virtual machine that is not there.
var ErrVMNotFound = errors.New("no such virtual machine")

// call runs one cmdlet's action over the state, after what the state's behaviour asks of that cmdlet. The state is kept
// when change is set and action did not fail. The end of ctx ends a delay, not an action that has begun.
func (s *Store) call(ctx context.Context, cmdlet string, change bool, action func(*State) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	asked, done, err := s.begin(cmdlet, change, action)
	if done {
		return err
	}
	if !asked.After {
		if err := hold(ctx, asked.Hold); err != nil {
			return err
		}
	}
	if asked.DelayMS > 0 {
		if err := s.Wait(ctx, time.Duration(asked.DelayMS)*time.Millisecond); err != nil {
			return err
		}
	}
	if asked.Fail != "" {
		return &CmdletError{Cmdlet: cmdlet, Message: asked.Fail}
	}
	if change {
		err = s.Update(action)
	} else {
		var state *State
		if state, err = s.Read(); err == nil {
			err = action(state)
		}
	}
	if err == nil && asked.After {
		err = hold(ctx, asked.Hold)
	}
	return err
}

// hold waits for as long as there is a file at path, and says so beside it.
func hold(ctx context.Context, path string) error {
	if path == "" || !exists(path) {
		return nil
	}
	if err := os.WriteFile(path+".reached", nil, 0o644); err != nil {
		return err
	}
	for exists(path) {
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// begin acts at once when nothing is asked of the cmdlet; else it counts the call, and gives what is asked.
func (s *Store) begin(cmdlet string, change bool, action func(*State) error) (asked Call, done bool, err error) {
	unlock, err := lock(s.lockPath())
	if err != nil {
		return Call{}, true, fmt.Errorf("state file %s: %w", s.path, err)
	}
	defer unlock()
	state, err := s.load()
	if err != nil {
		return Call{}, true, err
	}
	if state.Behaviour.RecordCalls {
		if err := s.record(cmdlet); err != nil {
			return Call{}, true, err
		}
	}
	asked, ok := state.Behaviour.Calls[cmdlet]
	if asked.Lose && state.Behaviour.Lost == "" {
		state.Behaviour.Lost = cmp.Or(asked.Fail, "The RPC server is unavailable.")
		if err := s.save(state); err != nil {
			return Call{}, true, err
		}
	}
	if state.Behaviour.Lost != "" {
		return Call{}, true, &CmdletError{Cmdlet: cmdlet, Message: state.Behaviour.Lost}
	}
	if !ok {
		if err = action(state); err == nil && change {
			err = s.save(state)
		}
		return Call{}, true, err
	}
	if asked.Times > 0 {
		left := asked
		left.Times--
		if left.Times == 0 {
			delete(state.Behaviour.Calls, cmdlet)
		} else {
			state.Behaviour.Calls[cmdlet] = left
		}
		if err := s.save(state); err != nil {
			return Call{}, true, err
		}
	}
	return asked, false, nil
}

// record adds a call to the list beside the state file, which the PowerShell stand-in adds to as well.
func (s *Store) record(cmdlet string) error {
	file, err := os.OpenFile(s.path+".calls", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	_, err = file.WriteString(cmdlet + "\n")
	return errors.Join(err, file.Close())
}

// Calls tells how often each cmdlet was called since [Behaviour.RecordCalls] was set.
func (s *Store) Calls() (map[string]int, error) {
	unlock, err := lock(s.lockPath())
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", s.path, err)
	}
	defer unlock()
	text, err := os.ReadFile(s.path + ".calls")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	calls := map[string]int{}
	for cmdlet := range strings.Lines(string(text)) {
		calls[strings.TrimSpace(cmdlet)]++
	}
	return calls, nil
}

// change runs a cmdlet's action over one virtual machine, and keeps what it changes.
func (s *Store) change(ctx context.Context, cmdlet, id string, action func(*State, *VM) error) error {
	return s.call(ctx, cmdlet, true, func(state *State) error {
		vm, err := state.find(cmdlet, id)
		if err != nil {
			return err
		}
		return action(state, vm)
	})
}

func (s *State) find(cmdlet, id string) (*VM, error) {
	for i := range s.VMs {
		if s.VMs[i].ID == id {
			return &s.VMs[i], nil
		}
	}
	return nil, &CmdletError{
		Cmdlet: cmdlet, err: ErrVMNotFound,
		Message: fmt.Sprintf("Hyper-V was unable to find a virtual machine with id %q.", id),
	}
}

func failf(cmdlet, format string, args ...any) error {
	return &CmdletError{Cmdlet: cmdlet, Message: fmt.Sprintf(format, args...)}
}

// newID gives a random GUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, as crypto/rand documents
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
