// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Codes of findings about disks.
const (
	codeDiskAttached = "disk_attached"
	codeDiskMissing  = "disk_missing"
)

// plannedDisks are the virtual hard disks that a plan creates: to the check of a virtual machine that attaches one, it does not exist.
type plannedDisks struct {
	mu    sync.Mutex
	files map[string]bool
}

func diskKey(host, file string) string { return strings.ToLower(host + "|" + file) }

func (p *plannedDisks) add(host, file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil {
		p.files = map[string]bool{}
	}
	p.files[diskKey(host, file)] = true
}

func (p *plannedDisks) creates(host, file string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[diskKey(host, file)]
}

// textAt returns the text at a path such as data_disks[1].path; empty if there is none.
func textAt(values map[string]any, field string) string {
	p, err := jobschema.ParsePath(field)
	if err != nil || len(p) != 3 {
		return ""
	}
	list, _ := values[p[0].Field].([]any)
	if p[1].Index >= len(list) {
		return ""
	}
	item, _ := list[p[1].Index].(map[string]any)
	text, _ := item[p[2].Field].(string)
	return text
}
