# Import of many virtual machines with one import block, by the names of their hosts and their GUIDs. Requires Terraform or OpenTofu 1.7 or
# later.

terraform {
  required_version = ">= 1.7"

  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "admin_password" {
  description = "Password of the administrator account in the guests."
  type        = string
  sensitive   = true
}

locals {
  # On a host: Get-VM | Select-Object -Property Name, Id
  machines = {
    web-01 = "hv01/7f6f3f0e-3a52-4d0f-9a55-2c9c64b5a0d1"
    web-02 = "hv01/0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
    web-03 = "hv02/web-03" # by its name, which is slower on a host with many virtual machines
  }
}

provider "hypervvm" {
  hosts = {
    hv01 = { address = "hv01.lab.example", username = "LAB\\svc-terraform", ca_cert = file("${path.module}/lab-ca.pem") }
    hv02 = { address = "hv02.lab.example", username = "LAB\\svc-terraform", ca_cert = file("${path.module}/lab-ca.pem") }
  }
}

import {
  for_each = local.machines
  to       = hypervvm.web[each.key]
  id       = each.value
}

resource "hypervvm" "web" {
  for_each = local.machines

  host         = split("/", each.value)[0]
  vm_name      = each.key
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password
}
