variable "admin_password" {
  description = "Password of the administrator account in the guest."
  type        = string
  sensitive   = true
}

resource "hypervvm" "web" {
  vm_name    = "web-01"
  image_name = "ubuntu-24.04"
  os_family  = "linux"
  gb_ram     = 4
  cpu_cores  = 2

  switch_name = "External"
  vlan_id     = 120
  notes       = "Web server of the lab"

  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password

  guest_v4_ipaddr     = "192.0.2.50"
  guest_v4_cidrprefix = 24
  guest_v4_defaultgw  = "192.0.2.1"
  guest_v4_dns1       = "192.0.2.53"

  # Memory and processors can only be changed while the virtual machine is off: allow it to be shut down and started again.
  allow_power_cycle = true

  timeouts = {
    create = "45m"
  }
}
