// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// view is the access of one session or one job to the simulated host.
type view struct {
	ctx   context.Context
	store *hyperv.Store
}

// cmdlet runs action in place of a cmdlet of the Hyper-V module, after what [hyperv.Behaviour] requests for that cmdlet. If change is set
// and action succeeds, its changes to the state are saved.
func (v *view) cmdlet(name string, change bool, action func(*hyperv.State) error) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	state, err := v.store.Read()
	if err != nil {
		return err
	}
	call, controlled := state.Behaviour.Calls[name]
	controlled = controlled || state.Behaviour.RecordCalls || state.Behaviour.Lost != ""
	if !controlled && !change {
		return action(state)
	}
	if controlled {
		if call, err = v.countCall(name); err != nil {
			return err
		}
		if err := v.delayCall(call); err != nil {
			return err
		}
	}
	if change {
		err = v.store.Update(action)
	} else if state, err = v.store.Read(); err == nil {
		err = action(state)
	}
	if err == nil && call.After {
		err = v.hold(call.Hold)
	}
	return err
}

// countCall records a call and returns what is requested for it.
func (v *view) countCall(name string) (call hyperv.Call, err error) {
	lost := ""
	err = v.store.Update(func(s *hyperv.State) error {
		b := &s.Behaviour
		if b.RecordCalls {
			if err := appendLine(v.store.Path()+".calls", name); err != nil {
				return err
			}
		}
		call = b.Calls[name]
		if call.Lose && b.Lost == "" {
			b.Lost = cmp.Or(call.Fail, "The RPC server is unavailable.")
		}
		lost = b.Lost
		switch next := call; {
		case next.Times == 1:
			delete(b.Calls, name)
		case next.Times > 1:
			next.Times--
			b.Calls[name] = next
		}
		return nil
	})
	if err == nil && lost != "" {
		err = errors.New(lost)
	}
	return call, err
}

func appendLine(path, line string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(line + "\n")
	return errors.Join(err, file.Close())
}

func (v *view) delayCall(call hyperv.Call) error {
	if !call.After {
		if err := v.hold(call.Hold); err != nil {
			return err
		}
	}
	if call.DelayMS > 0 {
		if err := sleep(v.ctx, time.Duration(call.DelayMS)*time.Millisecond); err != nil {
			return err
		}
	}
	if call.Fail != "" {
		return errors.New(call.Fail)
	}
	return nil
}

// hold blocks while there is a file at path, and creates a file beside it to report that.
func (v *view) hold(path string) error {
	if path == "" || !exists(path) {
		return nil
	}
	if err := os.WriteFile(path+".reached", nil, 0o644); err != nil {
		return err
	}
	for exists(path) {
		if err := sleep(v.ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// capitalized returns a value of a definition in one word as the Hyper-V module writes it.
func capitalized(v string) string {
	if v == "" {
		return ""
	}
	return strings.ToUpper(v[:1]) + v[1:]
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// vmByID returns the virtual machine with an id, or nil.
func vmByID(s *hyperv.State, id string) *hyperv.VM {
	for i := range s.VMs {
		if s.VMs[i].ID == id {
			return &s.VMs[i]
		}
	}
	return nil
}

// readVM returns the virtual machine of the job in place of a cmdlet that reads a part of it.
func (j *hostJob) readVM(cmdlet string) (vm hyperv.VM, err error) {
	err = j.cmdlet(cmdlet, false, func(s *hyperv.State) error {
		if p := vmByID(s, j.vmID); p != nil {
			vm = *p
		}
		return nil
	})
	return vm, err
}

// change runs action in place of a cmdlet that changes the virtual machine of the job.
func (j *hostJob) change(cmdlet string, action func(*hyperv.State, *hyperv.VM) error) error {
	return j.cmdlet(cmdlet, true, func(s *hyperv.State) error {
		vm := vmByID(s, j.vmID)
		if vm == nil {
			return errors.New("Hyper-V was unable to find a virtual machine with id " + j.vmID)
		}
		return action(s, vm)
	})
}

// changeWhileOff runs action in place of a cmdlet that requires the virtual machine to be off.
func (j *hostJob) changeWhileOff(cmdlet string, action func(*hyperv.VM) error) error {
	return j.change(cmdlet, func(_ *hyperv.State, vm *hyperv.VM) error {
		if err := requireState(cmdlet, vm, "Off"); err != nil {
			return err
		}
		return action(vm)
	})
}

// requireState returns an error unless the virtual machine is in one of the states.
func requireState(cmdlet string, vm *hyperv.VM, states ...string) error {
	for _, state := range states {
		if vm.State == state {
			return nil
		}
	}
	return errors.New(cmdlet + " is not possible while virtual machine '" + vm.Name + "' is " + strings.ToLower(vm.State))
}
