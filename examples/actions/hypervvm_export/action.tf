# Requires Terraform 1.14 or later. To run it:
#
#   terraform apply -invoke=action.hypervvm_export.app
action "hypervvm_export" "app" {
  config {
    vm_id              = hypervvm.app.id
    path               = "D:\\Exports"
    capture_live_state = "data_consistent"
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
