# Continue after Terraform was killed: a virtual machine that the killed run created, and did not record, is adopted.

terraform {
  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "admin_password" {
  description = "Password of the administrator account in the guest."
  type        = string
  sensitive   = true
}

provider "hypervvm" {
  host = {
    address  = "hv01.lab.example"
    username = "LAB\\svc-terraform"
    ca_cert  = file("${path.module}/lab-ca.pem")
  }
}

resource "hypervvm" "web" {
  for_each = toset(["web-01", "web-02", "web-03"])

  vm_name      = each.key
  image_name   = "ubuntu-24.04"
  switch_name  = "External"
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password

  adopt_existing = true # remove it after the recovery
}
