# The host in the provider configuration, a slash, and the path of the file.
terraform import hypervvm_disk.pgdata 'hv01/D:\Disks\pgdata.vhdx'
