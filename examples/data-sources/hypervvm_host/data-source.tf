data "hypervvm_host" "hv01" {
  host = "hv01"
}

output "memory_available_gb" {
  value = data.hypervvm_host.hv01.memory_available_gb
}
