# Restarts the virtual machine after each change of its notes.
action "hypervvm_power" "restart" {
  config {
    vm_id     = hypervvm.app.id
    operation = "restart"
  }
}

resource "hypervvm" "app" {
  host         = "hv01"
  vm_name      = "app-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.app_password
  notes        = "maintained by the platform team"

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.hypervvm_power.restart]
    }
  }
}

variable "app_password" {
  type      = string
  sensitive = true
}
