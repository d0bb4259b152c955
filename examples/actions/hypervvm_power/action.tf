# Requires Terraform 1.14 or later. To run it:
#
#   terraform apply -invoke=action.hypervvm_power.restart
action "hypervvm_power" "restart" {
  config {
    vm_id     = hypervvm.app.id
    host      = hypervvm.app.host
    operation = "restart"
    wait_for  = "heartbeat"
  }
}

resource "hypervvm" "app" {
  host         = "hv01"
  vm_name      = "app-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.app_password
}

variable "app_password" {
  type      = string
  sensitive = true
}
