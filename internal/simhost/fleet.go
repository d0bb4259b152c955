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

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// FleetOptions configure a [Fleet].
type FleetOptions struct {
	Hosts int // number of hosts
	VMs   int // initial number of virtual machines per host
	// Each configures every host. StateFile and Addr must be empty. An empty Password means one random password for all hosts, a
	// zero LogEntries 256. The seed of a host is Seed plus its index.
	Each Options
	// Dir is an existing folder for the files of the hosts, one subfolder per host; existing state files are used. Empty means a
	// temporary folder that Close removes.
	Dir string
	// Health returns the initial health of the host with index i; nil means Each.Health.
	Health func(i int) Health
}

// Fleet is a number of simulated hosts in one process that share a certificate and an account. Their images have 64 KiB.
type Fleet struct {
	servers []*Server
	dir     string // to be removed, or ""
}

// StartFleet starts hosts on free ports of 127.0.0.1. Their names are hv001, hv002 and so on.
func StartFleet(opts FleetOptions) (fleet *Fleet, err error) {
	if opts.Hosts < 0 || opts.VMs < 0 {
		return nil, errors.New("simulated hosts: Hosts and VMs must not be negative")
	}
	if opts.Each.StateFile != "" || opts.Each.Addr != "" {
		return nil, errors.New("simulated hosts: Each.StateFile and Each.Addr must be empty, since hosts cannot share them")
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

// start starts the host with index i.
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

// FleetName returns the name of the host with index i of a fleet.
func FleetName(i int) string { return fmt.Sprintf("hv%03d", i+1) }

// Hosts returns the hosts. The caller must not change the slice.
func (f *Fleet) Hosts() []*Server { return f.servers }

// Close closes all hosts and removes their temporary files.
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

// each calls do for each host, several at a time.
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
