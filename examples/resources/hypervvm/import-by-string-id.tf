import {
  to = hypervvm.web
  id = "hv01/web-01"
}
