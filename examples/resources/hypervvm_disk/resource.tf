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

# In the host's folder for virtual hard disks.
resource "hypervvm_disk" "scratch" {
  host    = "hv01"
  name    = "scratch.vhdx"
  size_gb = 50
}
