data "hypervvm_hosts" "all" {}

locals {
  # The host with the most available memory. It changes with each plan: ignore changes of host in the resource.
  roomy = [for h in data.hypervvm_hosts.all.hosts : h.host if h.memory_available_gb == max([for o in data.hypervvm_hosts.all.hosts : o.memory_available_gb if o.error == null]...)][0]
}

resource "hypervvm" "batch" {
  host         = local.roomy
  vm_name      = "batch-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.batch_password

  lifecycle {
    ignore_changes = [host]
  }
}

variable "batch_password" {
  type      = string
  sensitive = true
}
