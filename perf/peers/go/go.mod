module lineserver/peers/go

go 1.19
