// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"os"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

const mediaEnding = ".iso"

// missingMedia gives the finding about an ISO file that is not in the folder of the images.
func missingMedia(folder, name string) []job.Finding {
	names := fileNames(folder, mediaEnding)
	if containsFold(names, name) {
		return nil
	}
	remedy := "put an .iso file into that folder"
	if len(names) > 0 {
		remedy = "use one of: " + strings.Join(names, ", ")
	}
	return []job.Finding{finding("media_name", protocol.CodeMediaMissing, fmt.Sprintf("ISO file '%s' was not found in %s", name, folder), remedy)}
}

// files gives the files of one ending in a folder, as an inventory shows them.
func files(folder, ending string) []job.Image {
	list := []job.Image{}
	for _, name := range fileNames(folder, ending) {
		if info, err := os.Stat(filePath(folder, name, ending)); err == nil {
			list = append(list, job.Image{Name: name, SizeBytes: info.Size()})
		}
	}
	return list
}

// attachMedia puts an ISO file into the new machine, which starts from its disk all the same. Neither now nor later is the file the job's.
func (r *run) attachMedia(p plan, drive hyperv.Drive) error {
	if err := r.enter("media", "attach ISO file %s as a DVD", p.media); err != nil {
		return err
	}
	dvds, err := r.store.GetVMDvdDrive(r.ctx, r.vmID)
	if err != nil {
		return err
	}
	if r.generation == 1 && len(dvds) > 0 {
		err = r.store.SetVMDvdDrive(r.ctx, r.vmID, dvds[0], p.media)
	} else {
		_, err = r.store.AddVMDvdDrive(r.ctx, r.vmID, p.media)
	}
	switch {
	case err != nil:
	case r.generation == 1:
		err = r.store.SetVMBios(r.ctx, r.vmID, []string{"IDE", "CD", "LegacyNetworkAdapter", "Floppy"})
	default:
		err = r.store.SetVMFirstBoot(r.ctx, r.vmID, drive.Path)
	}
	if err == nil && !r.has("eject") {
		r.say(job.Event{Kind: job.KindWarning, Message: "the DVD stays in the virtual machine, since nothing is waited for: take it out once it has done its work"})
	}
	return err
}

// takeOut empties a DVD drive, and removes it from a machine of generation 2. One that cannot be removed is no reason to undo a machine
// that is up.
func (r *run) takeOut(dvd hyperv.DVD) error {
	if r.generation == 1 {
		return r.store.SetVMDvdDrive(r.ctx, r.vmID, dvd, "")
	}
	stays := r.store.RemoveVMDvdDrive(r.ctx, r.vmID, dvd)
	if stays == nil {
		return nil
	}
	err := r.store.SetVMDvdDrive(r.ctx, r.vmID, dvd, "")
	if err == nil {
		r.say(job.Event{Kind: job.KindWarning, Message: "the DVD drive stays in the virtual machine, with nothing in it: " + stays.Error()})
	}
	return err
}

// ejectMedia takes the ISO file out again.
func (r *run) ejectMedia(p plan) error {
	if err := r.enter("eject", "take out ISO file %s", p.media); err != nil {
		return err
	}
	dvds, err := r.store.GetVMDvdDrive(r.ctx, r.vmID)
	if err != nil {
		return err
	}
	for _, dvd := range dvds {
		if !strings.EqualFold(dvd.Path, p.media) {
			continue
		}
		if err := r.takeOut(dvd); err != nil {
			return err
		}
	}
	return nil
}
