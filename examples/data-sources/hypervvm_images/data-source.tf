data "hypervvm_images" "hv01" {
  host = "hv01"
}

locals {
  # The newest Ubuntu image by name.
  ubuntu = reverse(sort([for i in data.hypervvm_images.hv01.images : i.name if startswith(i.name, "ubuntu-")]))[0]
}
