import {
  to = hypervvm.web
  identity = {
    host = "hv01" # without it, all hosts are searched
    id   = "7f6f3f0e-3a52-4d0f-9a55-2c9c64b5a0d1"
  }
}
