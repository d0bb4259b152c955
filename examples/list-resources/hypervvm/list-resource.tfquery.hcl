# In a file of its own, for example all.tfquery.hcl, beside the provider configuration:
#
#   terraform query -generate-config-out=imported.tf
#
# writes the configuration of each virtual machine, with an import block. The plan of that configuration changes nothing.
list "hypervvm" "running" {
  provider = hypervvm
  limit    = 500 # the default is 100

  config {
    host           = "hv01"
    name_regex     = "^web-"
    state          = "running"
    unmanaged_only = true
  }
}
