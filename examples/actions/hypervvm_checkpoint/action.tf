# Requires Terraform 1.14 or later. Before a change, and to return to the state before it:
#
#   terraform apply -invoke=action.hypervvm_checkpoint.before_upgrade
#   terraform apply
#   terraform apply -invoke=action.hypervvm_checkpoint.revert
#
# An action that is triggered before an update of a virtual machine cannot refer to that virtual machine: Terraform reports a cycle.
action "hypervvm_checkpoint" "before_upgrade" {
  config {
    vm_id     = hypervvm.app.id
    operation = "take"
    name      = "before-upgrade"
  }
}

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
