package main

import (
	"strings"
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
