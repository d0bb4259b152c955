# A differencing disk, a DVD with a seed for cloud-init of your own, and a wait for an address.

terraform {
  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
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
  vm_name    = "web-01"
  image_name = "ubuntu-24.04"
  disk_type  = "differencing" # created at once; the image must stay as it is

  # An ISO file that is in the image folder of the host. It is ejected after the wait. With a seed of your own there are no guest_… settings: cloud-init
  # reads one seed only.
  media_name = "seed-web-01"

  # The job fails, and is rolled back, if the guest reports no address in time.
  wait_for     = "address"
  wait_seconds = 900
}
