data "hypervvm_vm" "app" {
  host = "hv01"
  name = "app-01"
}

data "hypervvm_checkpoints" "app" {
  vm_id = data.hypervvm_vm.app.id
}

output "checkpoints" {
  value = data.hypervvm_checkpoints.app.checkpoints[*].name
}
