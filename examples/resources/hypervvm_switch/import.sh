# The host in the provider configuration, a slash, and the name or the GUID of the virtual switch.
terraform import hypervvm_switch.uplink hv01/Uplink
