# The host downloads the image, decompresses it, and verifies it.
resource "hypervvm_image" "debian" {
  host        = "hv01"
  file        = "debian-13.vhdx"
  source_url  = "https://images.lab.example/debian-13.vhdx.gz"
  sha256      = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  compression = "gzip"
}

# The host downloads a file of this computer, which serves it for the time of the job.
resource "hypervvm_image" "windows" {
  host          = "hv01"
  file          = "windows-server-2025.vhdx"
  source_file   = "${path.module}/windows-server-2025.vhdx"
  sha256        = filesha256("${path.module}/windows-server-2025.vhdx")
  serve_address = "192.0.2.10:8443"
}

# This computer decompresses what Windows cannot. The hash is that of the compressed file.
resource "hypervvm_image" "fedora" {
  host          = "hv01"
  file          = "fedora-43.vhdx"
  source_file   = "${path.module}/fedora-43.vhdx.xz"
  sha256        = filesha256("${path.module}/fedora-43.vhdx.xz")
  compression   = "xz"
  serve_address = "192.0.2.10:8443"
}

# An ISO file is copied on the host, and stays when the resource is destroyed.
resource "hypervvm_image" "drivers" {
  host            = "hv01"
  file            = "drivers.iso"
  source_path     = "D:\\Downloads\\drivers.iso"
  keep_on_destroy = true
}

resource "hypervvm" "web" {
  host         = "hv01"
  vm_name      = "web-01"
  image_name   = hypervvm_image.debian.name
  guest_la_uid = "ops"
  guest_la_pw  = var.web_password
}

variable "web_password" {
  type      = string
  sensitive = true
}
