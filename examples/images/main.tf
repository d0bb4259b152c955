# A differencing disk, a DVD with settings for the guest, and a wait for its address.

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
    address    = "hv01.lab.example"
    username   = "LAB\\svc-terraform"
    ca_cert    = file("${path.module}/lab-ca.pem")
    image_path = "D:\\Images" # contains ubuntu-24.04.vhdx and seed-web-01.iso
    vm_path    = "D:\\Hyper-V"
  }
}

resource "hypervvm" "web" {
  vm_name      = "web-01"
  image_name   = "ubuntu-24.04"
  disk_type    = "differencing" # created at once; the image must stay as it is
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password

  # An ISO file, for example with the NoCloud data of cloud-init, that is in the image folder of the host. It is ejected after the wait.
  media_name = "seed-web-01"

  # The job fails, and is rolled back, if the guest reports no address in time.
  wait_for     = "address"
  wait_seconds = 900
}
