package main

var importOpenAPI = importFormat{
	name: "openapi", file: "API",
}
