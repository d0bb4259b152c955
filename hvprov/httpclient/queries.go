// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Hosts returns the names of the server's hosts, sorted, as of [New].
func (c *Client) Hosts() []string { return slices.Clone(c.hosts) }

func hostPath(host string) string { return "/hosts/" + segment(host) }

func vmPath(host, vm string) string { return hostPath(host) + "/vms/" + segment(vm) }

// HostInfo is [hvprov.Service.HostInfo].
func (c *Client) HostInfo(ctx context.Context, host string) (hvprov.HostInfo, error) {
	var details struct {
		Info hvprov.HostInfo `json:"info"`
	}
	err := c.get(ctx, hostPath(host)+"?refresh=true", &details)
	return details.Info, err
}

// HostInventory is [hvprov.Service.HostInventory].
func (c *Client) HostInventory(ctx context.Context, host string) (*inventory.Snapshot, error) {
	var snapshot inventory.Snapshot
	if err := c.get(ctx, hostPath(host)+"/snapshot", &snapshot); err != nil {
		return nil, err
	}
	return &snapshot, nil
}

// HostSwitches is [hvprov.Service.HostSwitches].
func (c *Client) HostSwitches(ctx context.Context, host string) ([]job.Switch, error) {
	var list struct {
		Switches []job.Switch `json:"switches"`
	}
	err := c.get(ctx, hostPath(host)+"/switches", &list)
	return list.Switches, err
}

// Disk is [hvprov.Service.Disk].
func (c *Client) Disk(ctx context.Context, host, path string) (*job.Disk, error) {
	var list struct {
		Disks []job.Disk `json:"disks"`
	}
	if err := c.get(ctx, hostPath(host)+"/disks?path="+url.QueryEscape(path), &list); err != nil || len(list.Disks) == 0 {
		return nil, err
	}
	return &list.Disks[0], nil
}

// Checkpoints is [hvprov.Service.Checkpoints].
func (c *Client) Checkpoints(ctx context.Context, host, vmID string) ([]job.Checkpoint, error) {
	var list struct {
		Checkpoints []job.Checkpoint `json:"checkpoints"`
	}
	err := c.get(ctx, vmPath(host, vmID)+"/checkpoints", &list)
	return list.Checkpoints, err
}

// FindVM is [hvprov.Service.FindVM].
func (c *Client) FindVM(ctx context.Context, host, id string) (foundOn string, vm *job.VM, err error) {
	var found struct {
		Host string  `json:"host"`
		VM   *job.VM `json:"vm"`
	}
	err = c.get(ctx, vmPath(host, id), &found)
	return found.Host, found.VM, err
}

// LookupVM is [hvprov.Service.LookupVM].
func (c *Client) LookupVM(ctx context.Context, host, nameOrID string) (*job.VM, error) {
	found, vm, err := c.FindVM(ctx, host, nameOrID)
	if err == nil && uuid.Validate(nameOrID) == nil && !strings.EqualFold(found, host) {
		return nil, cause.Restore(fmt.Sprintf("virtual machine %q is not on host %s", nameOrID, host), []string{cause.Code(hvprov.ErrVMNotFound)})
	}
	return vm, err
}

// NameHolder is [hvprov.Service.NameHolder].
func (c *Client) NameHolder(ctx context.Context, sub hvprov.Submission, id string) (*hvprov.NameHolder, error) {
	values, unknown := known(sub.Values)
	body := map[string]any{"schema_id": c.schema.ID, "schema_version": c.schema.Version, "values": values, "unknown": unknown}
	var view struct {
		Host            string        `json:"host"`
		VM              *job.VM       `json:"vm"`
		Differs         []string      `json:"differs"`
		ActiveJob       string        `json:"active_job"`
		ActiveOperation job.Operation `json:"active_operation"`
		Incomplete      *struct {
			Message string `json:"message"`
			Code    string `json:"code"`
		} `json:"incomplete"`
	}
	if err := c.post(ctx, vmPath(sub.Host, id)+"/comparison", body, &view); err != nil {
		return nil, err
	}
	holder := &hvprov.NameHolder{
		Host: view.Host, VM: view.VM, Differs: view.Differs, ActiveJob: view.ActiveJob, ActiveOperation: view.ActiveOperation,
	}
	if view.Incomplete != nil {
		holder.Incomplete = cause.Restore(view.Incomplete.Message, []string{view.Incomplete.Code})
	}
	return holder, nil
}

// Check is [hvprov.Service.Check].
func (c *Client) Check(ctx context.Context, req hvprov.CheckRequest) ([]job.Finding, error) {
	body := c.body(req.Submission)
	values, unknown := known(req.Submission.Values)
	for _, id := range req.Unknown {
		if !slices.Contains(unknown, id) {
			unknown = append(unknown, id)
		}
	}
	body["operation"], body["values"], body["unknown"] = req.Submission.Operation, values, unknown
	var result struct {
		Errors      []fieldError  `json:"errors"`
		Findings    []job.Finding `json:"findings"`
		HostChecked bool          `json:"host_checked"`
		HostProblem *problem      `json:"host_problem"`
	}
	if err := c.post(ctx, "/jobs:check", body, &result); err != nil {
		return nil, err
	}
	switch {
	case result.HostProblem != nil:
		if err := result.HostProblem.restored(); err != nil {
			return nil, c.reported(err)
		}
		return nil, fmt.Errorf("server %s: %s", c.url, result.HostProblem.Detail)
	case !result.HostChecked:
		return nil, &jobschema.ValidationError{Faults: faults(result.Errors)}
	}
	return result.Findings, nil
}

// known returns the values that are known, and the fields whose values are not, or not completely.
func known(values map[string]any) (known map[string]any, unknown []string) {
	known = map[string]any{}
	for id, v := range values {
		if hasUnknown(v) {
			unknown = append(unknown, id)
			continue
		}
		known[id] = v
	}
	slices.Sort(unknown)
	return known, unknown
}

func hasUnknown(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, hasUnknown)
	case map[string]any:
		for _, each := range v {
			if hasUnknown(each) {
				return true
			}
		}
		return false
	}
	return v == jobschema.Unknown
}
