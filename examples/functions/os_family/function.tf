variable "image_name" {
  type = string

  validation {
    condition     = provider::hypervvm::os_family(var.image_name) != null
    error_message = "The name of the image must begin with that of its operating system, for example ubuntu-24.04."
  }
}
