# By the host's name in the provider's configuration, and the virtual machine's name there …
terraform import hypervvm.web hv01/web-01

# … or its GUID, which `(Get-VM web-01).Id` tells.
terraform import hypervvm.web hv01/7f6f3f0e-3a52-4d0f-9a55-2c9c64b5a0d1
