package main

var importOpenAPI = importFormat{
	name: "openapi", file: "API",
	short: "API descriptions: OpenAPI 3.0, 3.1 and Swagger 2.0",
	long: `Read a description of an API, OpenAPI 3.0, 3.1 or Swagger 2.0 in YAML or JSON, and
write a suite for each tag with a case for each operation.

Requests are made of examples, defaults and enums; each example is a row. A required
parameter without one becomes a variable that the run asks for (needs). The schemas of
JSON answers are written to schemas/ and expected. Credentials of security schemes are
read from the environment. Other files that API refers to are read from its folder;
nothing is fetched. Whatever is not converted is listed with line and column.`,
	example: `  bgverify import openapi api.yaml -o scenarios/api
  bgverify validate scenarios/api`,
}
