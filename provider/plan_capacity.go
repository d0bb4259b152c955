// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// vmNeeds is what a virtual machine to create needs of its host. Sizes are in GiB.
type vmNeeds struct {
	memory float64            // of a virtual machine that is started
	image  string             // name of the image that is copied; empty: a differencing disk
	size   float64            // of the disk that is created from the image; 0: that of the image
	fixed  float64            // of the fixed data disks
	most   float64            // of all data disks when they are full
	macs   []plannedMAC       // static addresses
	images map[string]float64 // sizes of the files of images by name in lower case
}

// plannedMAC is a static MAC address of a virtual machine to create.
type plannedMAC struct {
	digits string
	field  string // its path
}

// least returns the space that the disks take at once.
func (n vmNeeds) least() float64 { return n.images[strings.ToLower(n.image)] + n.fixed }

// full returns the space that the disks take when they are full.
func (n vmNeeds) full() float64 { return max(n.images[strings.ToLower(n.image)], n.size) + n.most }

// plannedVMs are the virtual machines that a plan creates. The check of each on its host sees only one.
type plannedVMs struct {
	mu       sync.Mutex
	applying bool                          // jobs have started: a part of the needs is met already
	hosts    map[string]map[string]vmNeeds // by host in lower case and name of the virtual machine
}

// add records a virtual machine to create, and returns all on its host; none while jobs run.
func (p *plannedVMs) add(host, name string, needs vmNeeds) map[string]vmNeeds {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.applying {
		return nil
	}
	host = strings.ToLower(host)
	if p.hosts == nil {
		p.hosts = map[string]map[string]vmNeeds{}
	}
	if p.hosts[host] == nil {
		p.hosts[host] = map[string]vmNeeds{}
	}
	p.hosts[host][name] = needs
	return maps.Clone(p.hosts[host])
}

// startApply records that jobs start.
func (p *plannedVMs) startApply() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applying = true
}

// sumNeeds returns the sum of a need in GiB, and the virtual machines that have it.
func sumNeeds(all map[string]vmNeeds, need func(vmNeeds) float64) (sum float64, names []string) {
	for name, needs := range all {
		if gib := need(needs); gib > 0 {
			sum += gib
			names = append(names, fmt.Sprintf("%s (%.4g GiB)", name, gib))
		}
	}
	slices.Sort(names)
	return sum, names
}

// warnOfCapacity warns that the virtual machines that a plan creates on a host need more memory or disk space together than it has available,
// or that two have one MAC address. The inventory of the host is only requested for more than one.
func (r *vmResource) warnOfCapacity(ctx context.Context, sub hvprov.Submission, name string, diags *diag.Diagnostics) {
	own := plannedNeeds(r.schema, sub.Values)
	all := r.conn.planned.add(sub.Host, name, own)
	warnOfMACs(all, own, name, sub.Host, diags)
	if len(all) < 2 {
		return
	}
	snapshot, err := r.conn.service.HostInventory(ctx, sub.Host)
	if err != nil {
		return // the check of the plan reports a host that does not answer
	}
	images := imageSizes(snapshot.Info.Images)
	own.images = images
	for name, needs := range all {
		needs.images = images
		all[name] = needs
	}
	summary := "Virtual machines of this plan do not fit on host " + sub.Host + " together"
	exceeds := func(available *int64, need func(vmNeeds) float64) (sum, free float64, names string, exceeded bool) {
		sum, list := sumNeeds(all, need)
		if available == nil || need(own) == 0 || len(list) < 2 {
			return 0, 0, "", false
		}
		free = inGiB(*available)
		return sum, free, strings.Join(list, ", "), sum > free && need(own) <= free // the check reports one that needs too much by itself
	}
	const notCounted = "What virtual machines release that this plan stops or deletes is not counted. "
	if sum, free, names, exceeded := exceeds(snapshot.Info.MemoryAvailableBytes, func(n vmNeeds) float64 { return n.memory }); exceeded {
		at := path.Root("host")
		if f, ok := r.observedField(observedMemory); ok {
			at = path.Root(f.ID)
		}
		diags.AddAttributeWarning(at, summary, fmt.Sprintf("%s need %.4g GiB of memory, and %.3g GiB are available. The last of them would fail to start. "+
			notCounted+"Use less memory, fewer virtual machines, or another host.", names, sum, free))
	}
	folder := snapshot.Info.VMPath
	if sum, free, names, exceeded := exceeds(snapshot.Info.FreeBytes, vmNeeds.least); exceeded {
		diags.AddAttributeWarning(path.Root("host"), summary, fmt.Sprintf("The copies of the images and the fixed disks of %s take %.4g GiB on the volume of %s, and %.3g GiB are "+
			"free. The last of them would not be created. "+notCounted+"Use smaller or dynamic disks, fewer virtual machines, or another host.", names, sum, folder, free))
		return
	}
	if sum, free, names, exceeded := exceeds(snapshot.Info.FreeBytes, vmNeeds.full); exceeded {
		diags.AddAttributeWarning(path.Root("host"), "Disks of this plan can outgrow host "+sub.Host, fmt.Sprintf("The disks of %s take up to %.4g GiB on the volume of %s when "+
			"they are full, and %.3g GiB are free. Hyper-V pauses a virtual machine whose disk cannot grow. "+notCounted+"Watch the free space, or use smaller disks.", names, sum, folder, free))
	}
}

// warnOfMACs warns of a static MAC address that two network adapters on a host would have.
func warnOfMACs(all map[string]vmNeeds, own vmNeeds, name, host string, diags *diag.Diagnostics) {
	for i, mac := range own.macs {
		for _, other := range slices.Sorted(maps.Keys(all)) {
			same := slices.IndexFunc(all[other].macs, func(m plannedMAC) bool { return m.digits == mac.digits })
			if same < 0 || other == name && same >= i {
				continue
			}
			diags.AddAttributeWarning(fieldPath(mac.field), "Virtual machine "+name+" cannot be created: "+mac.field,
				fmt.Sprintf("%s of virtual machine %s of this plan has the same MAC address on host %s. Until that is resolved, applying this plan fails for the second of them. "+
					"Use another address, or leave it out: the host assigns one.", all[other].macs[same].field, other, host))
			break
		}
	}
}

// imageSizes returns the sizes of the files of images in GiB, by name in lower case.
func imageSizes(images []job.Image) map[string]float64 {
	sizes := make(map[string]float64, len(images))
	for _, image := range images {
		sizes[strings.ToLower(image.Name)] = inGiB(image.SizeBytes)
	}
	return sizes
}

// plannedNeeds returns what the values of a creation need. What is not known yet needs nothing.
func plannedNeeds(s *jobschema.Schema, values map[string]any) vmNeeds {
	var n vmNeeds
	known := counterparts(s.Fields, values)
	if known["power_state"].value != "off" {
		n.memory = known["gb_ram"].number()
	}
	if known["disk_type"].value != "differencing" {
		n.image, _ = known["image_name"].value.(string)
	}
	n.size = known["disk_size_gb"].number()
	n.addMAC(known["mac_address"])
	for _, disk := range known["data_disks"].objects() {
		n.most += disk["size_gb"].number()
		if disk["type"].value == "fixed" {
			n.fixed += disk["size_gb"].number()
		}
	}
	for _, adapter := range known["network_adapters"].objects() {
		n.addMAC(adapter["mac_address"])
	}
	if known["vm_path"].value != nil { // its volume may be another than that of the host's inventory
		n.image, n.size, n.fixed, n.most = "", 0, 0, 0
	}
	return n
}

func (n *vmNeeds) addMAC(v plannedValue) {
	text, _ := v.value.(string)
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789ABCDEF", r) {
			return r
		}
		return -1
	}, strings.ToUpper(text))
	if digits != "" {
		n.macs = append(n.macs, plannedMAC{digits, v.path})
	}
}

// plannedValue is a value of a plan with its field and the path of that.
type plannedValue struct {
	value any
	field *jobschema.Field
	path  string
}

// number returns the value as a number; 0 if it is none or unknown.
func (v plannedValue) number() float64 {
	n, _ := v.value.(json.Number)
	x, _ := n.Float64()
	return x
}

// objects returns the objects of a list, as counterparts does.
func (v plannedValue) objects() (all []map[string]plannedValue) {
	list, _ := v.value.([]any)
	for i, item := range list {
		values, _ := item.(map[string]any)
		object := counterparts(v.field.Items.Fields, values)
		for id, part := range object {
			part.path = fmt.Sprintf("%s[%d].%s", v.path, i, part.path)
			object[id] = part
		}
		all = append(all, object)
	}
	return all
}

// counterparts returns values by the names of the schema that agents know.
func counterparts(fields []jobschema.Field, values map[string]any) map[string]plannedValue {
	all := map[string]plannedValue{}
	for i := range fields {
		f := &fields[i]
		if value, ok := values[f.ID]; ok {
			all[f.ObservedPart()] = plannedValue{value, f, f.ID}
		}
	}
	return all
}
