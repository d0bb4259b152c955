# Requires Terraform 1.14 or later. To run it:
#
#   terraform apply -invoke=action.hypervvm_checkpoint.revert
action "hypervvm_checkpoint" "revert" {
  config {
    vm_id     = hypervvm.app.id
    operation = "apply"
    name      = "before-upgrade"
    start     = true
  }
}

resource "hypervvm" "app" {
  host            = "hv01"
  vm_name         = "app-01"
  image_name      = "ubuntu-24.04"
  guest_la_uid    = "ops"
  guest_la_pw     = var.app_password
  checkpoint_type = "production"
}

variable "app_password" {
  type      = string
  sensitive = true
}
