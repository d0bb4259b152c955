terraform {
  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "hyperv_password" {
  description = "Password of the account on the Hyper-V hosts."
  type        = string
  sensitive   = true
}

# Several hosts, by the names that resources give in `host`. With only one, `host = { … }` does.
provider "hypervvm" {
  hosts = {
    hv01 = {
      address  = "hv01.lab.example"
      username = "LAB\\svc-terraform"
      password = var.hyperv_password
      ca_cert  = file("${path.module}/lab-ca.pem")
    }
    hv02 = {
      address    = "hv02.lab.example"
      username   = "LAB\\svc-terraform"
      password   = var.hyperv_password
      ca_cert    = file("${path.module}/lab-ca.pem")
      image_path = "D:\\Images"
      vm_path    = "D:\\Hyper-V"
    }
  }

  job_log_dir = "${path.root}/job-logs"
}
