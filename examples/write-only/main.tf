# Secrets that Terraform stores neither in its state nor in plan files: write-only attributes with ephemeral variables. Requires Terraform or
# OpenTofu 1.11 or later.

terraform {
  required_version = ">= 1.11"

  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "hyperv_password" {
  description = "Password of the account on the Hyper-V host."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "admin_password" {
  description = "Password of the administrator account in the guest."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "hypervvm" {
  host = {
    address  = "hv01.lab.example"
    username = "LAB\\svc-terraform"
    password = var.hyperv_password
    ca_cert  = file("${path.module}/lab-ca.pem")
  }
}

resource "hypervvm" "web" {
  vm_name      = "web-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"

  guest_la_pw_wo         = var.admin_password
  guest_la_pw_wo_version = 1 # change it together with the password: Terraform does not see the value
}
