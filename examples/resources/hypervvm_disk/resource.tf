# The data of the database outlive the virtual machine.
resource "hypervvm_disk" "pgdata" {
  host    = "hv01"
  path    = "D:\\Disks\\pgdata.vhdx"
  size_gb = 200
  type    = "fixed"

  lifecycle {
    prevent_destroy = true
  }
}

# Each virtual machine that replaces this one is attached to the same disk.
resource "hypervvm" "db" {
  host         = "hv01"
  vm_name      = "db-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password
  data_disks   = [{ name = "pgdata", path = hypervvm_disk.pgdata.path }]
}

variable "admin_password" {
  type      = string
  sensitive = true
}

# In the host's folder for virtual hard disks.
resource "hypervvm_disk" "scratch" {
  host    = "hv01"
  name    = "scratch.vhdx"
  size_gb = 50
}
