import {
  to = hypervvm_checkpoint.before_upgrade
  identity = {
    vm_id = "6f1c7a52-3c0e-4f6f-9d7e-1d6b2a3c4d5e"
    id    = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
  }
}
