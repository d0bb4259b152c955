# Import IDs name the host and the virtual machine of each import.
locals {
  imported = { web-01 = "hv01/7f6f3f0e-3a52-4d0f-9a55-2c9c64b5a0d1" }
}

output "hosts" {
  value = toset([for id in values(local.imported) : provider::hypervvm::parse_id(id).host]) # hv01
}
