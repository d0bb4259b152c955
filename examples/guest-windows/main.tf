# Windows guests that are set up by an answer file: one in a workgroup, and one in a domain.

terraform {
  required_version = ">= 1.11" # write-only attributes

  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "admin_password" {
  description = "Password of the administrator accounts in the guests."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "join_password" {
  description = "Password of the account that joins computers to the domain."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "hypervvm" {
  host = {
    address  = "hv01.lab.example"
    username = "LAB\\svc-terraform"
    ca_cert  = file("${path.module}/lab-ca.pem")
  }
}

resource "hypervvm" "app" {
  vm_name    = "application-server-01"
  image_name = "windows-server-2022"
  gb_ram     = 8

  guest_host_name = "app-01" # a computer name has at most 15 characters
  guest_time_zone = "W. Europe Standard Time"
  guest_locale    = "en-US"

  guest_la_uid           = "Administrator" # the built-in account
  guest_la_pw_wo         = var.admin_password
  guest_la_pw_wo_version = 1

  guest_v4_ipaddr     = "192.0.2.60"
  guest_v4_cidrprefix = 24
  guest_v4_defaultgw  = "192.0.2.1"
  guest_dns_servers   = ["192.0.2.53"]

  # Once, in order, as SYSTEM. The apply fails with the last line of output of a command that fails.
  guest_commands = [
    "powershell.exe -NoProfile -Command \"Install-WindowsFeature -Name Web-Server\"",
    "netsh advfirewall firewall set rule group=\"Remote Desktop\" new enable=Yes",
  ]
}

resource "hypervvm" "files" {
  vm_name    = "files-01"
  image_name = "windows-server-2022"
  gb_ram     = 8

  guest_la_uid           = "Administrator"
  guest_la_pw_wo         = var.admin_password
  guest_la_pw_wo_version = 1

  guest_domain_jointarget        = "corp.lab.example"
  guest_domain_joinuid           = "LAB\\svc_join"
  guest_domain_joinpw_wo         = var.join_password
  guest_domain_joinpw_wo_version = 1
  guest_domain_joinou            = "OU=Servers,DC=corp,DC=lab,DC=example"
  guest_dns_servers              = ["192.0.2.53"] # the domain's
}
