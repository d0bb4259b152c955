# The address is known in the plan, before the virtual machine exists: for a reservation of the DHCP server.
resource "hypervvm" "web" {
  vm_name      = "web-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password
  switch_name  = "External"
  mac_address  = provider::hypervvm::stable_mac_address("web-01")
}

variable "admin_password" {
  type      = string
  sensitive = true
}
