# The attributes of a virtual machine. The documents of its guest are checked before a host is contacted.
locals {
  web = {
    vm_name             = "web-01"
    image_name          = "ubuntu-24.04"
    guest_la_uid        = "ops"
    guest_ssh_keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0aTGPlDDWYQ8Z4DtC5nPnrsdTwMlqMr5VvOmQAkDmp ops@lab.example"]
    guest_v4_ipaddr     = "192.0.2.50"
    guest_v4_cidrprefix = 24
    guest_v4_defaultgw  = "192.0.2.1"
  }
  documents = provider::hypervvm::guest_seed(local.web)
}

output "meta_data" {
  value = local.documents["meta-data"] # {"instance-id":"00000000-0000-0000-0000-000000000000","local-hostname":"web-01"}
}

check "static_address" {
  assert {
    condition     = strcontains(local.documents["network-config"], "192.0.2.50/24")
    error_message = "The guest does not have its static address."
  }
}
