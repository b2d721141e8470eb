package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// formValues are what the member v of an answer is; the empty one leaves it out.
var formValues = []string{
	"", "null", "true", "false", "0", "1", "5", "-1", "1.5", `""`, `"5"`, `"abc"`, `"true"`, "[]", "[1]", `["abc","b"]`, "[0,1]",
	`[{"id":1},{"id":2}]`, `[{"id":1},{"x":2}]`, "{}", `{"id":1}`, `{"id":null,"abc":1}`, `[["abc"]]`, `[{"id":["abc"]}]`,
	`[{"id":1,"x":1},{"id":1,"x":2}]`, `[null,{"id":1,"x":1}]`, `[{"id":1,"x":"ab"},null]`, `["a",5,[],{"id":1,"x":[1]}]`,
	`[{"id":"abc","x":1},{"id":1}]`,
}

// forms are assertions about the member v of the answer j.
var forms = strings.Split(strings.TrimSpace(`
expect(j.v).to.equal(5)
expect(j.v).to.eql(5)
expect(j.v.find(x => x.id === 1)).to.exist
expect(j.v.find(x => x.id === 1).id).to.equal(1)
expect(j.v.find(x => x.id === 1).x).to.not.equal(2)
expect(j.v.find(x => x.id === 1)).to.have.property("x")
expect(j.v.find(x => x.id === 1).x).to.be.undefined
expect(j.v.find(x => x.id === 2)).to.be.undefined
expect(j.v.find(x => x.id === 2)).to.not.exist
expect(j.v.find(x => x.id === 1 && x.x === 1)).to.be.an("object")
expect(j.v.find(x => x.id === 1).x.length).to.be.above(0)
expect(j.v.some(x => x.id === 1)).to.be.true
expect(j.v.some(x => x.id === 2)).to.be.false
expect(j.v).to.eql("5")
expect(j.v).to.eql([1])
expect(j.v).to.equal([1])
expect(j.v).to.deep.equal({id:1})
expect(j.v).to.equal({id:1})
expect(j.v).to.eql({id:1})
expect(j.v).to.not.equal(5)
expect(j.v).to.not.eql("abc")
expect(j.v).to.be.true
expect(j.v).to.be.false
expect(j.v).to.be.null
expect(j.v).to.not.be.null
expect(j.v).to.be.undefined
expect(j.v).to.not.be.undefined
expect(j.v).to.exist
expect(j.v).to.not.exist
expect(j.v).to.be.ok
expect(j.v).to.not.be.ok
expect(j.v).to.be.empty
expect(j.v).to.not.be.empty
expect(j.v).to.be.a("string")
expect(j.v).to.be.a("number")
expect(j.v).to.be.a("boolean")
expect(j.v).to.be.an("array")
expect(j.v).to.be.an("object")
expect(j.v).to.be.a("null")
expect(j.v).to.be.an("undefined")
expect(j.v).to.not.be.a("string")
expect(j.v).to.be.instanceOf(Array)
expect(j.v).to.be.instanceOf(Object)
expect(j.v).to.be.instanceOf(String)
expect(j.v).to.include("b")
expect(j.v).to.include("abc")
expect(j.v).to.contain(1)
expect(j.v).to.not.include("abc")
expect(j.v).to.include({id:1})
expect(j.v).to.deep.include({id:1})
expect(j.v).to.not.include({id:1})
expect(j.v).to.have.string("ab")
expect(j.v).to.match(/^a/)
expect(j.v).to.match(/5/)
expect(j.v).to.not.match(/a/)
expect(j.v).to.have.property("id")
expect(j.v).to.have.property("id", 1)
expect(j.v).to.not.have.property("id")
expect(j.v).to.have.property("length")
expect(j.v).to.have.nested.property("[0].id")
expect(j).to.have.property("v")
expect(j).to.have.property("v").that.is.a("string")
expect(j).to.not.have.property("v")
expect(j.v).to.have.keys("id")
expect(j.v).to.have.all.keys(["id"])
expect(j.v).to.include.keys("id")
expect(j.v).to.have.any.keys("id","x")
expect(j.v).to.have.lengthOf(1)
expect(j.v).to.have.lengthOf(0)
expect(j.v).to.have.length(3)
expect(j.v).to.not.have.lengthOf(1)
expect(j.v).to.have.lengthOf.above(0)
expect(j.v).to.have.lengthOf.at.least(0)
expect(j.v).to.have.lengthOf.at.most(1)
expect(j.v.length).to.equal(2)
expect(j.v.length).to.be.above(0)
expect(j.v.length).to.be.above(-1)
expect(j.v.length).to.be.below(2)
expect(j.v.length).to.not.equal(0)
expect(j.v).to.be.above(1)
expect(j.v).to.be.at.least(1)
expect(j.v).to.be.below(5)
expect(j.v).to.be.at.most(5)
expect(j.v).to.not.be.above(1)
expect(j.v).to.not.be.below(1)
expect(j.v).to.be.within(1,5)
expect(j.v).to.be.closeTo(1,0.5)
expect(j.v).to.be.oneOf([5,"abc",null])
expect(j.v).to.not.be.oneOf([5,"abc"])
expect(j.v).to.be.oneOf([[1],5])
expect(j.v).to.have.members([1])
expect(j.v).to.have.members(["b","abc"])
expect(j.v).to.include.members(["b"])
expect(j.v === 5).to.be.true
expect(j.v == 5).to.be.true
expect(j.v != 5).to.be.true
expect(j.v == true).to.be.true
expect(j.v == null).to.be.true
expect(j.v != null).to.be.true
expect(j.v === null).to.be.true
expect(j.v !== undefined).to.be.true
expect(j.v > 1).to.be.true
expect(j.v >= 0).to.be.true
expect(j.v == "5").to.be.true
expect(j.v == "abc").to.be.true
expect(Number(j.v)).to.equal(5)
expect(parseInt(j.v)).to.equal(5)
expect(+j.v).to.equal(5)
expect(String(j.v)).to.equal("5")
expect(j.v || "abc").to.equal("abc")
expect((j.v || {}).id).to.equal(1)
expect((j.v || []).length).to.equal(0)
expect(typeof j.v).to.equal("string")
expect(typeof j.v).to.equal("object")
expect(typeof j.v).to.equal("undefined")
expect(typeof j.v).to.not.equal("string")
expect(Array.isArray(j.v)).to.be.true
expect(Array.isArray(j.v)).to.be.false
expect(Object.keys(j.v).length).to.equal(1)
expect(Object.keys(j.v)).to.include("id")
expect(Object.keys(j.v)).to.have.lengthOf(0)
expect(j.v.includes("b")).to.be.true
expect(j.v.includes("b")).to.be.false
expect(j.v.indexOf("b")).to.be.above(-1)
expect(j.v.indexOf("abc") !== -1).to.be.true
expect(j.v.startsWith("a")).to.be.true
expect(j.v.hasOwnProperty("id")).to.be.true
expect(j.v.hasOwnProperty("id")).to.be.false
expect("id" in j.v).to.be.true
expect(/^a/.test(j.v)).to.be.true
expect(["abc",5].includes(j.v)).to.be.true
expect(!!j.v).to.be.true
expect(j.v.id).to.be.undefined
expect(j.v.id).to.not.exist
expect(j.v[0].id).to.equal(1)
j.v.forEach(c => { expect(c).to.have.property("id") })
j.v.forEach(c => { expect(c.id).to.be.a("number") })
j.v.forEach(c => expect(c.id).to.equal(1))
j.v.forEach(c => { expect(c).to.be.an("object") })
j.v.forEach(c => { expect(c).to.be.a("number") })
j.v.forEach(c => { if (c.x) return; expect(c.id).to.equal(1) })
for (const c of j.v) { expect(c.id).to.be.above(0) }
for (const c of j.v) { expect(c.id).to.include("abc") }
expect(j.v.every(c => c.id > 0)).to.be.true
expect(j.v.some(c => c.id === 1)).to.be.true
expect(j.v.map(c => c.id)).to.include(1)
expect(j.v.find(c => c.id === 1)).to.exist
expect(j.v.filter(c => c.id === 1).length).to.equal(1)
if (j.v) { expect(j.v).to.equal(5) }
try { expect(j.v).to.equal(5) } catch (e) {}
if (j.v.length) { expect(j.v[0].id).to.equal(1) }
if (j.v.length > 0) { expect(j.v[0]).to.have.property("id") }
if (j.v.length) { expect(j.n).to.equal(8) }
for (let i = 0; i < j.v.length; i++) { expect(j.v[i].id).to.be.above(0) }
const f = x => x.id; expect(f(j.v)).to.equal(1)
function g(x) { expect(x).to.have.property("id") } g(j.v)
if (j.v === 1) { expect(j.n).to.equal(8) } else { expect(j.n).to.equal(8) }
if (j.v) { expect(j.v).to.equal(5); return } else { expect(j.v).to.equal(5) }
const l = j.v[j.v.length - 1]; expect(l.id).to.equal(1)
["id", "abc"].forEach(k => expect(j.v).to.have.property(k))
let w = 0; j.v.forEach(x => { w++ }); expect(w).to.equal(2)
let last; j.v.forEach(c => { last = c.id }); expect(last).to.equal(1)
let s = "a"; if (j.v) { s = "b" } expect(j.v).to.equal(s)
const a = []; a.push(5); expect(j.v).to.equal(a[0])
const o = {x: 5}; o.x = 6; expect(j.v).to.equal(o.x)
let d = 5; d += 1; expect(j.v).to.not.equal(d)
expect(j.v.split("b")[0]).to.equal("a")
expect(j.v.trim()).to.equal("abc")
expect(j.v.toUpperCase()).to.equal("ABC")
expect(j.v.slice(0, 2)).to.equal("ab")
expect(JSON.stringify(j.v)).to.equal("5")
expect(j.v + 1).to.equal(6)
expect(j.v ? j.v : 5).to.equal(5)
let p = 1; switch (j.v) { case 5: p = 2 } expect(j.n).to.equal(p)
expect(pm.response.text()).to.include("abc")
expect(pm.response.text()).to.not.include("abc")
if (j.v) { expect(j.n).to.equal(8) }
if (!j.v) { expect(j.n).to.equal(8) }
if (!!j.v) { expect(j.n).to.equal(8) }
if (j.v === 5) { expect(j.n).to.equal(8) }
if (j.v !== 5) { expect(j.n).to.equal(8) }
if (j.v == 5) { expect(j.n).to.equal(8) }
if (j.v != 5) { expect(j.n).to.equal(8) }
if (j.v == "abc") { expect(j.n).to.equal(8) }
if (j.v === "abc") { expect(j.n).to.equal(8) }
if (j.v == true) { expect(j.n).to.equal(8) }
if (j.v == null) { expect(j.n).to.equal(8) }
if (j.v != null) { expect(j.n).to.equal(8) }
if (j.v === null) { expect(j.n).to.equal(8) }
if (j.v !== null) { expect(j.n).to.equal(8) }
if (j.v === undefined) { expect(j.n).to.equal(8) }
if (j.v !== undefined) { expect(j.n).to.equal(8) }
if (j.v > 1) { expect(j.n).to.equal(8) }
if (j.v >= 0) { expect(j.n).to.equal(8) }
if (j.v < 2) { expect(j.n).to.equal(8) }
if (j.v.length) { expect(j.n).to.equal(8) }
if (j.v.length > 0) { expect(j.n).to.equal(8) }
if (j.v.length === 0) { expect(j.n).to.equal(8) }
if (j.v.length !== 0) { expect(j.n).to.equal(8) }
if (j.v.length > 2) { expect(j.n).to.equal(8) }
if (j.v.length < 2) { expect(j.n).to.equal(8) }
if (j.v.length >= 1) { expect(j.n).to.equal(8) }
if (j.v.id) { expect(j.n).to.equal(8) }
if (!j.v.id) { expect(j.n).to.equal(8) }
if (j.v && j.v.id) { expect(j.n).to.equal(8) }
if (j.v && j.v.id === 1) { expect(j.n).to.equal(8) }
if (j.v.id === 1) { expect(j.n).to.equal(8) }
if (j.v && j.v.length) { expect(j.n).to.equal(8) }
if (j.n && j.v.id === 1) { expect(j.n).to.equal(8) }
if (!(j.v && j.v.id)) { expect(j.n).to.equal(8) }
if (Array.isArray(j.v)) { expect(j.n).to.equal(8) }
if (!Array.isArray(j.v)) { expect(j.n).to.equal(8) }
if (typeof j.v === "string") { expect(j.n).to.equal(8) }
if (typeof j.v === "object") { expect(j.n).to.equal(8) }
if (typeof j.v !== "string") { expect(j.n).to.equal(8) }
if (["abc",5].includes(j.v)) { expect(j.n).to.equal(8) }
if (/^a/.test(j.v)) { expect(j.n).to.equal(8) }
if (j.v.includes("b")) { expect(j.n).to.equal(8) }
if (j.v.startsWith("a")) { expect(j.n).to.equal(8) }
if (j.v.hasOwnProperty("id")) { expect(j.n).to.equal(8) }
if ("id" in j.v) { expect(j.n).to.equal(8) }
if (j.v.indexOf("b") > -1) { expect(j.n).to.equal(8) }
if (j.v) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (!j.v) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (!!j.v) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v === 5) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v !== 5) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v == 5) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v != 5) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v == "abc") { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v === "abc") { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v == true) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v == null) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v != null) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v === null) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v !== null) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v === undefined) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v !== undefined) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v > 1) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v >= 0) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v < 2) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.length) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.length > 0) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.length === 0) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.length !== 0) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.length > 2) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.length < 2) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.length >= 1) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.id) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (!j.v.id) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v && j.v.id) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v && j.v.id === 1) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.id === 1) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v && j.v.length) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.n && j.v.id === 1) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (!(j.v && j.v.id)) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (Array.isArray(j.v)) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (!Array.isArray(j.v)) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (typeof j.v === "string") { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (typeof j.v === "object") { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (typeof j.v !== "string") { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (["abc",5].includes(j.v)) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (/^a/.test(j.v)) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.includes("b")) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.startsWith("a")) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.hasOwnProperty("id")) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if ("id" in j.v) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v.indexOf("b") > -1) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.n === 7) { expect(j.v).to.equal(5) }
if (j.n === 7) { expect(j.v).to.not.equal(5) }
if (j.n === 7) { expect(j.v).to.eql({id:1}) }
if (j.n === 7) { expect(j.v).to.include("abc") }
if (j.n === 7) { expect(j.v).to.not.include("abc") }
if (j.n === 7) { expect(j.v).to.include("b").and.include("c") }
if (j.n === 7) { expect(j.v).to.be.a("string") }
if (j.n === 7) { expect(j.v).to.have.property("id") }
if (j.n === 7) { expect(j.v).to.have.property("id", 1) }
if (j.n === 7) { expect(j.v).to.not.have.property("id") }
if (j.n === 7) { expect(j.v).to.be.oneOf([5,"abc",null]) }
if (j.n === 7) { expect(j.v).to.not.be.oneOf([5,"abc"]) }
if (j.n === 7) { expect(j.v).to.match(/^a/) }
if (j.n === 7) { expect(j.v).to.not.match(/a/) }
if (j.n === 7) { expect(j.v).to.be.above(1) }
if (j.n === 7) { expect(j.v).to.not.be.above(1) }
if (j.n === 7) { expect(j.v).to.be.ok }
if (j.n === 7) { expect(j.v).to.not.be.ok }
if (j.n === 7) { expect(j.v).to.be.null }
if (j.n === 7) { expect(j.v).to.not.be.null }
if (j.n === 7) { expect(j.v).to.be.undefined }
if (j.n === 7) { expect(j.v).to.exist }
if (j.n === 7) { expect(j.v).to.not.exist }
if (j.n === 7) { expect(j.v).to.be.empty }
if (j.n === 7) { expect(j.v).to.not.be.empty }
if (j.n === 7) { expect(j.v).to.have.keys("id") }
if (j.n === 7) { expect(j.v).to.have.lengthOf(1) }
if (j.n === 7) { expect(j.v.length).to.be.above(0) }
if (j.n === 7) { expect(j.v.length).to.be.below(2) }
if (j.n === 7) { expect(j.v.id).to.be.undefined }
if (j.n === 7) { expect(j.v.id).to.equal(1) }
if (j.n === 7) { expect(typeof j.v).to.equal("object") }
if (j.n === 7) { expect(!j.v).to.be.true }
if (j.n === 7) { expect(j.v === 5).to.be.false }
if (j.n === 7) { expect(j.v.find(x => x.id === 1)).to.exist }
if (j.n === 7) { j.v.forEach(c => { expect(c).to.have.property("id") }) }
expect(!j.v).to.be.true
expect(!j.v.id).to.be.true
expect(!(j.v && j.v.id)).to.be.true
expect(j.v).to.include("b").and.include("c")
expect(j.v).to.include("a").and.include("b").and.not.include("abc")
expect(j.v).to.be.above(0).and.above(1)
expect(j.v).to.match(/a/).and.match(/c/)
expect(j.v.find(x => x.id === pm.collectionVariables.get("kid"))).to.exist
expect(j.v.find(x => x.id === pm.collectionVariables.get("kid")).x).to.equal(1)
expect(j.v.find(x => x.id === pm.collectionVariables.get("kid") && x.x === 1)).to.have.property("x")
expect(j.v.find(x => x.id === pm.collectionVariables.get("kid"))).to.be.undefined
expect(j.v.some(x => x.id === pm.collectionVariables.get("kid"))).to.be.true
if (!j.v) return; expect(j.n).to.equal(8)
if (j.v === 5) { return } expect(j.n).to.equal(8)
if (j.v[0]) { expect(j.n).to.equal(8) }
if (j.v[0].id === 1) { expect(j.n).to.equal(8) }
if (!j.v[1]) { expect(j.n).to.equal(8) }
if (j.n) { expect(j.v[0].id).to.equal(1) }
if (pm.response.code === 200 && j.v) { expect(j.n).to.equal(8) }
if (pm.response.code === 200 && j.v) { expect(j.n).to.equal(7) } else { expect(j.n).to.equal(8) }
if (j.v === 1 || j.v === 5) { expect(j.n).to.equal(8) }
expect(j.v === 1 || j.v === "abc").to.be.true
for (const i in j.v) { expect(j.v[i].id).to.equal(1) }
for (var k in j.v) { expect(j.v[k]).to.have.property("id") }
const [h] = j.v; expect(h.id).to.equal(1)
const { id = 1 } = j.v; expect(id).to.equal(1)
const { id: z } = j.v; expect(z).to.equal(1)
const { id: y = 1 } = j.v; expect(y).to.equal(1)
const [m = 5] = j.v; expect(m).to.equal(5)
`), "\n")

// A formServer answers /FORM/VALUE with {"v": …}.
func formServer() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { //nolint:errcheck // it ends with the program
		w.Header().Set("Content-Type", "application/json")
		i, err := strconv.Atoi(req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:])
		switch {
		case err != nil || i >= len(formValues):
			fmt.Fprint(w, `{"n":7}`)
		case formValues[i] == "":
			fmt.Fprint(w, `{"n":7}`)
		default:
			fmt.Fprintf(w, `{"n":7,"v":%s}`, formValues[i])
		}
	}))
	return "http://" + ln.Addr().String(), nil
}

// formsCollection is a request for each form and value, named FORM-VALUE; whole
// makes one request for each value instead, with a test for each form.
func formsCollection(base string, whole bool) ([]byte, error) {
	var items []any
	item := func(name, path string, code []string) {
		items = append(items, map[string]any{
			"name": name, "request": base + path,
			"event": []any{map[string]any{"listen": "test", "script": map[string]any{"exec": code}}},
		})
	}
	test := func(f int) string {
		return fmt.Sprintf("pm.test('%d', () => { %s });", f, strings.ReplaceAll(forms[f], "expect(", "pm.expect("))
	}
	const first = "const j = pm.response.json();"
	for v := range formValues {
		if whole {
			code := []string{first}
			for f := range forms {
				code = append(code, test(f))
			}
			item(strconv.Itoa(v), fmt.Sprintf("/all/%d", v), code)
			continue
		}
		for f := range forms {
			item(fmt.Sprintf("%d-%d", f, v), fmt.Sprintf("/%d/%d", f, v), []string{first, test(f)})
		}
	}
	return json.Marshal(map[string]any{
		"info": map[string]any{"name": "forms", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}, "item": items,
		"variable": []any{map[string]any{"key": "kid", "value": "abc"}},
	})
}

// postmanForms holds the outcome of assertion forms against values in Newman
// against that of the imported suite.
func postmanForms(verbose bool) error {
	newman, err := exec.LookPath("newman")
	if err != nil {
		fmt.Println("importwire postman: skipped: no newman on the PATH (npm install newman@6.2.2)")
		return nil
	}
	work, err := os.MkdirTemp("", "importwire")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	blue, err := formServer()
	if err != nil {
		return err
	}
	green, err := formServer()
	if err != nil {
		return err
	}
	for name, whole := range map[string]bool{"forms.json": false, "tests.json": true} {
		data, err := formsCollection(blue, whole)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), data, 0o644); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
	defer cancel()
	played := exec.CommandContext(ctx, newman, "run", "tests.json", "--reporters", "junit", "--reporter-junit-export", "newman.xml")
	played.Dir = work
	out, err := played.CombinedOutput() // its status says that assertions fail
	want, readErr := newmanOutcomes(filepath.Join(work, "newman.xml"))
	if readErr != nil {
		return fmt.Errorf("newman: %w: %w\n%s", readErr, err, out)
	}
	got, listed, err := suiteOutcomes(ctx, work, blue, green)
	if err != nil {
		return err
	}
	tellForms(want, got, listed, verbose)
	return nil
}

// newmanOutcomes says by FORM-VALUE whether a test passed.
func newmanOutcomes(file string) (map[string]bool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var report struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string     `xml:"name,attr"`
				Failure []struct{} `xml:"failure"`
				Error   []struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &report); err != nil {
		return nil, err
	}
	passed := map[string]bool{}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			passed[c.Name+"-"+s.Name] = len(c.Failure)+len(c.Error) == 0
		}
	}
	return passed, nil
}

// suiteOutcomes runs what import makes of the collection: whether the expectations
// of each request held, and which forms are listed as not converted.
func suiteOutcomes(ctx context.Context, work, blue, green string) (passed, listed map[string]bool, err error) {
	binary := os.Getenv("BGVERIFY_BINARY")
	if binary == "" {
		binary = filepath.Join(work, "bgverify")
		if err := command(ctx, ".", "go", "build", "-C", "..", "-o", binary, "./cmd/bgverify"); err != nil {
			return nil, nil, err
		}
	}
	if err := command(ctx, work, binary, "import", "postman", "forms.json", "-o", "suite"); err != nil {
		return nil, nil, err
	}
	run := exec.CommandContext(ctx, binary, "run", "suite", "--blue", blue, "--green", green, "--out", "runs", "--format", "json", "--no-progress")
	run.Dir = work
	out, err := run.CombinedOutput()
	files, _ := filepath.Glob(filepath.Join(work, "runs", "*", "run.json"))
	if len(files) == 0 { // latest is another name of the same run
		return nil, nil, fmt.Errorf("bgverify run: %w\n%s", err, out)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return nil, nil, err
	}
	return readOutcomes(data, filepath.Join(work, "suite"))
}

// readOutcomes reads run.json, and the comments of the imported cases.
func readOutcomes(data []byte, suite string) (passed, listed map[string]bool, err error) {
	var report struct {
		Suites []struct {
			Cases []struct {
				Name  string
				Steps []struct {
					Expectations []struct {
						OK   bool
						What string
					}
				}
			}
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, nil, err
	}
	passed, listed = map[string]bool{}, map[string]bool{}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			ok := true
			for _, step := range c.Steps {
				for _, e := range step.Expectations {
					ok = ok && e.OK
				}
			}
			passed[c.Name] = ok
		}
	}
	files, err := filepath.Glob(filepath.Join(suite, "*.yaml"))
	if err != nil {
		return nil, nil, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, nil, err
		}
		lost := false
		for line := range strings.SplitSeq(string(text), "\n") {
			line = strings.TrimSpace(line)
			lost = lost || strings.HasPrefix(line, "# not converted")
			if name, ok := strings.CutPrefix(line, "- case: "); ok {
				name = strings.Trim(name, `"'`)
				listed[name], lost = lost, false
			}
		}
	}
	return passed, listed, nil
}

// tellForms prints the outcomes by kind, and with -v every one that differs.
func tellForms(want, got, listed map[string]bool, verbose bool) {
	counts := map[string]int{}
	for f, form := range forms {
		for v, value := range formValues {
			name := fmt.Sprintf("%d-%d", f, v)
			ours, known := got[name]
			kind := "equal"
			switch {
			case !known:
				kind = "not run"
			case listed[name]:
				kind = "listed"
			case ours && !want[name]:
				kind = "passes where Newman fails"
			case !ours && want[name]:
				kind = "fails where Newman passes"
			}
			counts[kind]++
			if verbose && !slices.Contains([]string{"equal", "listed"}, kind) {
				fmt.Printf("%-26s %-60s %s\n", kind, form, value)
			}
		}
	}
	fmt.Printf("| assertion forms | values | equal | listed | passes where Newman fails | fails where Newman passes | not run |\n|---|---|---|---|---|---|---|\n| %d | %d | %d | %d | %d | %d | %d |\n",
		len(forms), len(formValues), counts["equal"], counts["listed"], counts["passes where Newman fails"], counts["fails where Newman passes"], counts["not run"])
}
