data "hypervvm_switches" "hv01" {
  host = "hv01"
}

locals {
  external = [for s in data.hypervvm_switches.hv01.switches : s.name if s.type == "external"]
}
