// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const copyBlock = 1 << 20 // bytes that are copied between two checks for cancellation

func describeDisk(j *hostJob) string {
	size := "?"
	if info, err := os.Stat(j.plan.source); err == nil {
		size = formatSize(info.Size())
	}
	return text("step_disk_copy", "image", baseName(j.plan.source), "size", size, "path", j.diskPath())
}

func (j *hostJob) diskPath() string {
	return filepath.Join(j.folder(), j.fields.text("vm_name")+".vhdx")
}

// createDisk copies the image and attaches the copy. It is recorded in the manifest before it exists.
func createDisk(j *hostJob) error {
	path := j.diskPath()
	if exists(path) {
		return fail("file_exists", "", "path", path)
	}
	m := j.plan.manifest
	m.Files, m.Disk = append(m.Files, path), path
	if err := m.save(); err != nil {
		return err
	}
	if err := j.copyImage(j.plan.source, path); err != nil {
		return err
	}
	return j.change("Add-VMHardDiskDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		if !exists(path) {
			return fmt.Errorf("virtual hard disk '%s' was not found", path)
		}
		vm.Drives = append(vm.Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: len(vm.Drives), Path: path})
		return nil
	})
}

// setFirmware sets the template of secure boot for the operating system, and boots from the disk.
func setFirmware(j *hostJob) error {
	return j.changeWhileOff("Set-VMFirmware", func(vm *hyperv.VM) error {
		if template := j.secureBootTemplate(); template != "" {
			vm.SecureBootTemplate = template
		}
		vm.SecureBoot, vm.FirstBoot = "On", j.diskPath()
		return nil
	})
}

func describeFirmware(j *hostJob) string {
	secureBoot := text("secure_boot_default")
	if template := j.secureBootTemplate(); template != "" {
		secureBoot = text("secure_boot_template", "template", template)
	}
	return text("step_firmware", "secure_boot", secureBoot)
}

// secureBootTemplate returns the template of the definition, or for the operating system; empty: that of the host.
func (j *hostJob) secureBootTemplate() string {
	if word := j.fields.text("secure_boot_template"); word != "" {
		return secureBootTemplates[word]
	}
	return map[string]string{"windows": "MicrosoftWindows", "linux": "MicrosoftUEFICertificateAuthority"}[j.fields.text("os_family")]
}

// copyImage copies an image to a new file, at the speed that the host's behaviour allows.
func (j *hostJob) copyImage(source, target string) (err error) {
	state, err := j.store.Read()
	if err != nil {
		return err
	}
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
	defer func() { err = errors.Join(err, out.Close()) }()
	speed, block, length := state.Behaviour.CopyBytesPerSecond, int64(copyBlock), info.Size()
	if speed > 0 {
		block = max(1, min(block, speed/10)) // ten blocks a second, so that a cancelled job ends soon
	}
	start := time.Now()
	reported := start
	for copied := int64(0); ; {
		n, err := io.CopyN(out, in, block)
		copied += n
		if errors.Is(err, io.EOF) {
			j.reportCopy(copied, length, time.Since(start))
			return nil
		}
		if err != nil {
			return err
		}
		if speed > 0 {
			if err := sleep(j.ctx, time.Duration(n)*time.Second/time.Duration(speed)); err != nil {
				return err
			}
		}
		if err := j.checkCancelled(); err != nil {
			return err
		}
		if now := time.Now(); copied < length && now.Sub(reported) >= 500*time.Millisecond {
			reported = now
			j.reportCopy(copied, length, now.Sub(start))
		}
	}
}

func (j *hostJob) reportCopy(copied, length int64, elapsed time.Duration) {
	percent := 100
	if copied < length {
		percent = int(copied * 100 / length)
	}
	rate := int64(float64(copied) / max(elapsed.Seconds(), 0.001))
	j.emit(job.Event{
		Kind: job.KindProgress, Percent: percent, BytesPerSecond: rate,
		Message: text("copy_progress", "copied", formatSize(copied), "total", formatSize(length), "rate", formatSize(rate)),
	})
}
