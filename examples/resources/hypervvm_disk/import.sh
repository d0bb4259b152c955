# The host in the provider configuration, a slash, and the path of the file, or its name in the host's folder for virtual hard disks.
terraform import hypervvm_disk.pgdata 'hv01/D:\Disks\pgdata.vhdx'
