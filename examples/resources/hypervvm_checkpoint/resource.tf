# Taken when it is created, removed when it is destroyed.
resource "hypervvm_checkpoint" "before_upgrade" {
  vm_id = hypervvm.app.id
  name  = "before-upgrade"
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
