output "address" {
  value = provider::hypervvm::mac_address("00:15:5d:00:10:20") # 00-15-5D-00-10-20
}
