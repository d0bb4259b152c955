# The name of the host and of the file, separated by a slash.
terraform import hypervvm_image.debian hv01/debian-13.vhdx
