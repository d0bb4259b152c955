# Data disks, and several network adapters.

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
    username = "LAB\\svc-terraform" # the password comes from HYPERVVM_PASSWORD
    ca_cert  = file("${path.module}/lab-ca.pem")
  }
}

# A separate disk: it stays when the virtual machine is replaced or destroyed, and is attached to the next one.
resource "hypervvm_disk" "backup" {
  path    = "D:\\Disks\\backup.vhdx"
  size_gb = 500

  lifecycle {
    prevent_destroy = true
  }
}

resource "hypervvm" "db" {
  vm_name      = "db-01"
  image_name   = "ubuntu-24.04"
  gb_ram       = 8
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password

  disk_size_gb = 80 # of the disk with the operating system; it can grow

  # A disk that is removed from the list is detached and keeps its file until the virtual machine is deleted or replaced.
  data_disks = [
    { name = "data", size_gb = 200 },
    { name = "wal", size_gb = 40, type = "fixed" },
    { name = "backup", path = hypervvm_disk.backup.path },
  ]

  # The first network adapter.
  switch_name = "External"
  vlan_id     = 120

  # Further ones. Terraform drops a misspelt name within an object without a message: compare the plan with what you meant.
  network_adapters = [
    { name = "storage", switch_name = "Storage", vlan_id = 200 },
    { name = "backup", switch_name = "Backup", mac_address = "00-15-5D-00-10-20" },
  ]
}
