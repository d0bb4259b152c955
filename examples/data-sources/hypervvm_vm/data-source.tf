data "hypervvm_vm" "dc" {
  host = "hv01"
  name = "dc-01"
}

output "dns_server" {
  value = one(slice(data.hypervvm_vm.dc.ip_addresses, 0, 1))
}
