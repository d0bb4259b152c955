# By the name of the host in the provider configuration, and the name of the virtual machine
terraform import hypervvm.web hv01/web-01

# By its GUID, which `(Get-VM web-01).Id` returns
terraform import hypervvm.web hv01/7f6f3f0e-3a52-4d0f-9a55-2c9c64b5a0d1
