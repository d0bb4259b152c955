variable "admin_password" {
  description = "Password of the administrator inside the machine."
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

  # Memory and processors change only while a machine is off: let it be shut down and started for that.
  allow_power_cycle = true

  timeouts = {
    create = "45m"
  }
}
