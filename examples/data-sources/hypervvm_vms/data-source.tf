data "hypervvm_vms" "unmanaged" {
  unmanaged_only = true
}

output "import_ids" {
  value = { for vm in data.hypervvm_vms.unmanaged.vms : vm.name => "${vm.host}/${vm.id}" }
}
