// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// FleetOptions say what many hosts are like.
type FleetOptions struct {
	Hosts int // how many
	VMs   int // virtual machines that each has at first
	// Each is how every host is to be. StateFile and Addr have to be empty. Where Password is, all hosts have the same one; where
	// LogEntries is zero, a host keeps 256. The Seed of a host is that of Each and the host's number.
	Each Options
	// Dir is the folder for the hosts' files, which has to be there, and to which a host's name is added; those that are there
	// already serve on. Empty: a temporary one, removed at Close.
	Dir string
	// Health says how the i-th host does at first. Nil: as Each says.
	Health func(i int) Health
}

// Fleet is many simulated hosts in one process, which share their certificate and their account. Images are small: 64 KiB.
type Fleet struct {
	servers []*Server
	dir     string // that is removed
}

// StartFleet starts hosts on free ports of 127.0.0.1, named hv001, hv002 and so on.
func StartFleet(opts FleetOptions) (fleet *Fleet, err error) {
	if opts.Hosts < 0 || opts.VMs < 0 {
		return nil, errors.New("simulated hosts: there cannot be fewer than no hosts and no virtual machines")
	}
	if opts.Each.StateFile != "" || opts.Each.Addr != "" {
		return nil, errors.New("simulated hosts: each has a state file and an address of its own: leave both empty")
	}
	f := &Fleet{servers: make([]*Server, opts.Hosts)}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if opts.Dir == "" {
		if f.dir, err = os.MkdirTemp("", "hypervvm-fleet-"); err != nil {
			return nil, fmt.Errorf("simulated hosts: %w", err)
		}
		opts.Dir = f.dir
	}
	opts.Each.Password = cmp.Or(opts.Each.Password, rand.Text())
	opts.Each.LogEntries = cmp.Or(opts.Each.LogEntries, 256)
	if !opts.Each.PlainHTTP {
		shared, err := newCertificate(time.Now())
		if err != nil {
			return nil, fmt.Errorf("simulated hosts: %w", err)
		}
		opts.Each.certificate = &shared
	}
	if err := f.each(func(i int) (err error) { f.servers[i], err = opts.start(i); return err }); err != nil {
		return nil, err
	}
	return f, nil
}

// start starts the i-th host.
func (o *FleetOptions) start(i int) (*Server, error) {
	each := o.Each
	each.Seed += uint64(i)
	each.Accounts = maps.Clone(each.Accounts)
	if o.Health != nil {
		each.Health = o.Health(i)
	}
	name := FleetName(i)
	each.StateFile = filepath.Join(o.Dir, name, "state.json")
	_, err := hyperv.Create(each.StateFile, hyperv.Seed{Name: name, Number: i + 1, ImageBytes: 64 << 10, VMs: o.VMs})
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("simulated host %s: %w", name, err)
	}
	return Start(each)
}

// FleetName gives the name of the i-th host of a fleet, which the host itself uses too.
func FleetName(i int) string { return fmt.Sprintf("hv%03d", i+1) }

// Hosts gives the hosts. The slice is not to be changed.
func (f *Fleet) Hosts() []*Server { return f.servers }

// Close ends all hosts, and removes what was made for them.
func (f *Fleet) Close() error {
	err := f.each(func(i int) error {
		if f.servers[i] == nil {
			return nil
		}
		return f.servers[i].Close()
	})
	if f.dir != "" {
		err = errors.Join(err, os.RemoveAll(f.dir))
	}
	return err
}

// each does something for each host, some of them at a time.
func (f *Fleet) each(do func(i int) error) error {
	errs := make([]error, len(f.servers))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(2*runtime.GOMAXPROCS(0), len(f.servers)) {
		workers.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range f.servers {
		next <- i
	}
	close(next)
	workers.Wait()
	return errors.Join(errs...)
}
