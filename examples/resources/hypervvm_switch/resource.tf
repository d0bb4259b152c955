# Shared with the host: its addresses move to the virtual network adapter "vEthernet (Uplink)".
resource "hypervvm_switch" "uplink" {
  host              = "hv01"
  name              = "Uplink"
  switch_type       = "external"
  net_adapter_names = ["Ethernet"]
}

# A team of two network adapters that the host does not use itself.
resource "hypervvm_switch" "machines" {
  host                = "hv01"
  name                = "Machines"
  switch_type         = "external"
  net_adapter_names   = ["Ethernet 2", "Ethernet 3"]
  allow_management_os = false
}

# Virtual machines that reach only each other.
resource "hypervvm_switch" "lab" {
  host        = "hv01"
  name        = "Lab"
  switch_type = "private"
  notes       = "Managed by Terraform"
}
