# A Linux guest that is set up by cloud-init: accounts, keys, static addresses, time zone and packages.

terraform {
  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "admin_password" {
  description = "Password of the administrator account in the guest, for the console."
  type        = string
  sensitive   = true
}

variable "ssh_key" {
  description = "SSH public key of the administrator: a line of an authorized_keys file."
  type        = string
}

provider "hypervvm" {
  host = {
    address  = "hv01.lab.example"
    username = "LAB\\svc-terraform"
    ca_cert  = file("${path.module}/lab-ca.pem")
  }
}

resource "hypervvm" "web" {
  vm_name    = "web-01"
  image_name = "ubuntu-24.04"

  guest_host_name = "web-01"
  guest_time_zone = "Europe/Berlin"
  guest_locale    = "en_US.UTF-8"

  guest_la_uid   = "ops"
  guest_la_pw    = var.admin_password
  guest_ssh_keys = [var.ssh_key]

  guest_v4_ipaddr     = "192.0.2.50"
  guest_v4_cidrprefix = 24
  guest_v4_defaultgw  = "192.0.2.1"
  guest_v6_ipaddr     = "2001:db8::50"
  guest_v6_cidrprefix = 64
  guest_v6_defaultgw  = "fe80::1"
  guest_dns_servers   = ["192.0.2.53", "2001:db8::53"]
  guest_net_dnssuffix = "lab.example"

  # A second network without a gateway.
  network_adapters = [{
    name         = "storage"
    switch_name  = "Storage"
    ipv4_address = "198.51.100.50"
    ipv4_prefix  = 24
  }]

  # A cloud-config in addition to the attributes above, or a script that begins with #!.
  guest_user_data = <<-EOT
    #cloud-config
    packages: [nginx]
    runcmd:
      - [systemctl, enable, --now, nginx]
  EOT

  # The apply ends when cloud-init has ended in the guest: that is the default with settings of the guest.
  wait_for     = "setup"
  wait_seconds = 1200

  # A later change of one of the attributes above replaces the virtual machine. Without this, it is recorded only.
  guest_change = "replace"
}

output "addresses" {
  description = "What the guest reports."
  value       = hypervvm.web.ip_addresses
}
