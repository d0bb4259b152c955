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

# Several hosts. The `host` attribute of a resource is one of the keys. For a single host, use `host = { … }`.
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
