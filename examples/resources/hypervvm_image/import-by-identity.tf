import {
  to = hypervvm_image.debian
  identity = {
    host = "hv01"
    file = "debian-13.vhdx"
  }
}
