# Several hosts: virtual machines are spread over them with for_each.

terraform {
  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "hyperv_password" {
  description = "Password of the account on the Hyper-V hosts."
  type        = string
  sensitive   = true
}

variable "admin_password" {
  description = "Password of the administrator account in the guests."
  type        = string
  sensitive   = true
}

locals {
  hosts = {
    hv01 = "hv01.lab.example"
    hv02 = "hv02.lab.example"
  }
  machines = {
    web-01 = { host = "hv01", memory = 4 }
    web-02 = { host = "hv02", memory = 4 }
    db-01  = { host = "hv02", memory = 16 }
  }
}

provider "hypervvm" {
  hosts = {
    for name, address in local.hosts : name => {
      address  = address
      username = "LAB\\svc-terraform"
      password = var.hyperv_password
      ca_cert  = file("${path.module}/lab-ca.pem")
    }
  }
}

resource "hypervvm" "vm" {
  for_each = local.machines

  host         = each.value.host # a key of hosts
  vm_name      = each.key
  image_name   = "ubuntu-24.04"
  gb_ram       = each.value.memory
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password
}

output "addresses" {
  description = "Addresses that the guests report."
  value       = { for name, vm in hypervvm.vm : name => vm.ip_addresses }
}
