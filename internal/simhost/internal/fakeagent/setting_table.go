// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// The cmdlets whose settings are not parameters of the virtual machine itself.
const (
	setVMNetworkAdapter = "Set-VMNetworkAdapter" // the first network adapter has them
	setVLAN             = "Set-VMNetworkAdapterVlan"
	setVMFirmware       = "Set-VMFirmware"
	setService          = "Enable-VMIntegrationService" // or Disable-: the parameter is the GUID of the service
)

// secureBootTemplates are the names of Hyper-V by those of definitions.
var secureBootTemplates = map[string]string{
	"microsoft_windows":                    "MicrosoftWindows",
	"microsoft_uefi_certificate_authority": "MicrosoftUEFICertificateAuthority",
	"open_source_shielded_vm":              "OpenSourceShieldedVM",
}

// hardwareSettings are the settings by field.
var hardwareSettings = map[string]setting{
	"nested_virtualization":   {"Set-VMProcessor", "ExposeVirtualizationExtensions", false, 0, 0, true, showFlag(func(vm *job.VM) **bool { return &vm.NestedVirtualization })},
	"processor_compatibility": {"Set-VMProcessor", "CompatibilityForMigrationEnabled", false, 0, 0, true, showFlag(func(vm *job.VM) **bool { return &vm.ProcessorCompatibility })},
	"processor_weight":        {"Set-VMProcessor", "RelativeWeight", 100.0, 1, 10000, false, showCount(func(vm *job.VM) **int { return &vm.ProcessorWeight })},
	"processor_reserve":       {"Set-VMProcessor", "Reserve", 0.0, 0, 100, false, showCount(func(vm *job.VM) **int { return &vm.ProcessorReserve })},
	"processor_limit":         {"Set-VMProcessor", "Maximum", 100.0, 1, 100, false, showCount(func(vm *job.VM) **int { return &vm.ProcessorLimit })},
	"memory_weight":           {"Set-VMMemory", "Priority", 50.0, 1, 100, false, showCount(func(vm *job.VM) **int { return &vm.MemoryWeight })},
	"smart_paging_path":       {"Set-VM", "SmartPagingFilePath", "", 0, 0, true, showText(func(vm *job.VM) **string { return &vm.SmartPagingPath })},
	"checkpoint_path":         {"Set-VM", "SnapshotFileLocation", "", 0, 0, false, showText(func(vm *job.VM) **string { return &vm.CheckpointPath })},
	"secure_boot_template":    {setVMFirmware, "SecureBootTemplate", "microsoft_windows", 0, 0, true, showText(func(vm *job.VM) **string { return &vm.SecureBootTemplate })},
	"boot_order":              {setVMFirmware, "BootOrder", []any{"disk"}, 0, 0, true, showBootOrder},
	"mac_spoofing":            {setVMNetworkAdapter, "MacAddressSpoofing", false, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.MACSpoofing })},
	"bandwidth_limit_mbps":    {setVMNetworkAdapter, "MaximumBandwidth", 0.0, 0, 1e6, false, showCount(func(vm *job.VM) **int { return &vm.BandwidthLimit })},
	"bandwidth_reserve_mbps":  {setVMNetworkAdapter, "MinimumBandwidthAbsolute", 0.0, 0, 1e6, false, showCount(func(vm *job.VM) **int { return &vm.BandwidthReserve })},
	"bandwidth_weight":        {setVMNetworkAdapter, "MinimumBandwidthWeight", 0.0, 0, 100, false, showCount(func(vm *job.VM) **int { return &vm.BandwidthWeight })},
	"vlan_trunk":              {setVLAN, "AllowedVlanIdList", "", 0, 0, false, showText(func(vm *job.VM) **string { return &vm.VLANTrunk })},
	"vlan_native_id":          {setVLAN, "NativeVlanId", 0.0, 0, 4094, false, showCount(func(vm *job.VM) **int { return &vm.VLANNativeID })},

	"integration_guest_service_interface": {setService, "6C09BB55-D683-4DA0-8931-C9BF705F6480", false, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.IntegrationGuestService })},
	"integration_heartbeat":               {setService, "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47", true, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.IntegrationHeartbeat })},
	"integration_key_value_pair_exchange": {setService, "2A34B1C2-FD73-4043-8A5B-DD2159BC743F", true, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.IntegrationKeyValue })},
	"integration_shutdown":                {setService, "9F8233AC-BE49-4C79-8EE3-E7E1985B2077", true, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.IntegrationShutdown })},
	"integration_time_synchronization":    {setService, "2497F4DE-E9FA-4204-80E4-4B75C46419C0", true, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.IntegrationTime })},
	"integration_vss":                     {setService, "5CED1297-4598-4915-A5FC-AD21BB4D02A4", true, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.IntegrationVSS })},
}

func showFlag(at func(*job.VM) **bool) func(*job.VM, any) {
	return func(vm *job.VM, value any) { flag := value == true; *at(vm) = &flag }
}

func showCount(at func(*job.VM) **int) func(*job.VM, any) {
	return func(vm *job.VM, value any) { number, _ := value.(float64); count := int(number); *at(vm) = &count }
}

func showBootOrder(vm *job.VM, value any) {
	kinds, _ := value.([]any)
	vm.BootOrder = nil // unknown without a device
	for _, kind := range kinds {
		vm.BootOrder = append(vm.BootOrder, fmt.Sprint(kind))
	}
}

func showText(at func(*job.VM) **string) func(*job.VM, any) {
	return func(vm *job.VM, value any) { s, _ := value.(string); *at(vm) = &s }
}
