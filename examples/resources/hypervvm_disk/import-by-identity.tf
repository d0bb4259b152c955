import {
  to = hypervvm_disk.pgdata
  identity = {
    host = "hv01"
    path = "D:\\Disks\\pgdata.vhdx"
  }
}
