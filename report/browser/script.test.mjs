// What the page's script does without a page: the filter language, the columns,
// the numbering of differences. Chromium looks at the rest (check.mjs).
import test from "node:test";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { ESLint } from "eslint";
import js from "@eslint/js";
import { load, placeOf, sources } from "./script.mjs";


const TABLE = {
  run: "r1", rows: 4, sides: ["http://blue", "http://green"],
  ids: "a/one\na/two\nb/three\nb/four", names: "\nSecond\n\n", paths: "/users\n/users/2\n/price?q=1\n/price",
  verdicts: "2551", methods: ["GET", "POST"], method: [0, 1, 0, 0], statuses: ["200 200", "200 500"], status: [0, 1, 0, 0],
  tagSets: ["", "slow money"], tags: [0, 1, 0, 0], blueMs: [10, 10, 20, 0], greenMs: [11, 30, 20, 0],
  flaky: [0], kinds: [[3, "teardown"]], causes: [[1, 1, 3], [2, 2]], details: [1, 2], chunk: 32, chunks: [0],
  suites: [{ name: "A", service: "auth", owner: "tv", file: "a.yaml", first: 0, cases: 2 }, { name: "B", service: "shop", owner: "", file: "b.yaml", first: 2, cases: 2 }],
};

function modelOf(...names) {
  const script = load("makeModel", ...names);
  
  return { ...script, model: script.makeModel(TABLE, "") };
}

test("the script has no findings of eslint", async () => {
  const eslint = new ESLint({
    overrideConfigFile: true,
    overrideConfig: [js.configs.recommended, {
      languageOptions: {
        sourceType: "script",
        globals: Object.fromEntries(["document", "addEventListener", "innerHeight", "location", "history", "localStorage", "navigator", "setTimeout", "clearTimeout", "atob", "Blob", "Response", "DecompressionStream", "URLSearchParams"].map((name) => [name, "readonly"])),
      },
      rules: {
        eqeqeq: "error", "no-var": "error", "prefer-const": "error", "no-shadow": "error", "no-implicit-globals": "off", "no-eval": "error", "no-implied-eval": "error", "no-new-func": "error",
        "no-restricted-properties": ["error", { property: "innerHTML" }, { property: "outerHTML" }, { property: "insertAdjacentHTML" }, { object: "document", property: "write" }],
      },
    }],
  });
  const [{ messages }] = await eslint.lintText(sources.join(""));
  assert.deepEqual(messages.map((m) => placeOf(m.line) + " " + m.message + " " + m.ruleId), []);
});

test("a query leaves the rows that all its tokens hold for", () => {
  const { matching, model } = modelOf("matching");
  for (const [query, want] of [
    ["", [0, 1, 2, 3]], ["users", [0, 1]], ["SECOND", [1]], ["-users", [2, 3]], ["users post", [1]],
    ["status:500", [1]], ["status:>=400", [1]], ["cause:1", [1]], ["cause:1-2", [1, 2]], ["cause:2,3", [1, 2]], ["cause:>2", [1]],
    ["is:fail", [1, 2]], ["is:pass", [0]], ["is:flaky", [0]], ["is:open", [0, 1, 2]], ["is:differ", [1, 2]], ["is:teardown", [3]],
    ["ratio:>2", [1]], ["ms:>15", [1, 2]], ["tag:money", [1]], ["method:post", [1]], ["path:/price", [2, 3]], ["suite:b", [2, 3]], ["service:auth", [0, 1]], ["owner:tv -is:fail", [0]],
    ['"price?q=1"', [2]], ["unknown:1", []], ["cause:x", []], ["toString:1", []],
  ]) assert.deepEqual(matching(model, query), want, query);
});

test("rows are sorted by a column, equal ones in the order of the plan", () => {
  const { sorted, model } = modelOf("sorted");
  assert.deepEqual(sorted(model, [0, 1, 2, 3], "verdict"), [1, 2, 0, 3]);
  assert.deepEqual(sorted(model, [0, 1, 2, 3], "-green"), [1, 2, 0, 3]);
  assert.deepEqual(sorted(model, [0, 1, 2, 3], "cause"), [1, 2, 0, 3]);
  assert.deepEqual(sorted(model, [2, 1], "nothing"), [2, 1]);
});

test("columns are read by row", () => {
  const { model } = modelOf();
  assert.deepEqual([model.id(2), model.name(1), model.path(3), model.method(1), model.suite(1).name, model.suite(2).name], ["b/three", "Second", "/price", "POST", "A", "B"]);
  assert.deepEqual([model.ratio(1), model.ratio(3), model.kind(3), model.find("a/two"), model.causes(0)], [3, 0, "teardown", 1, []]);
});

test("details are unpacked from their chunk; an equal case has none", async () => {
  const { makeModel } = load("makeModel");
  
  const text = gzipSync(JSON.stringify([{ steps: ["first"] }, { steps: ["second"] }])).toString("base64");
  const model = makeModel(TABLE, text);
  assert.equal(await model.detail(0), null);
  assert.deepEqual((await model.detail(2)).steps, ["second"]);
});

test("what differs inside two texts is marked between whole characters", () => {
  const { parts } = load("parts");
  for (const [a, b, x, y] of [
    ["price: 12", "price: 13", ["price: 1", "2", ""], ["price: 1", "3", ""]],
    ["same", "same", ["same", "", ""], ["same", "", ""]],
    ["", "only green", ["", "", ""], ["only green", "", ""]],
    ["a😀z", "a😁z", ["a", "😀", "z"], ["a", "😁", "z"]],
    ["aa", "aaa", ["aa", "", ""], ["aa", "a", ""]],
  ]) assert.deepEqual(parts(a, b), [x, y], a + " | " + b);
});

test("members that one side alone has are one difference", () => {
  const { differencesIn, ROW } = load("differencesIn", "ROW");
  
  const rows = [ROW.title, ROW.changed, ROW.changed, ROW.same, ROW.added, ROW.added, ROW.removed, ROW.ignored, ROW.fold, ROW.moved].map((mark) => [mark, 0, "x"]);
  assert.equal(differencesIn([{ rows }, { rows: rows.slice(0, 2) }]), 6);
});

test("a word of a command survives a POSIX shell", () => {
  const { shellWord } = load("shellWord");
  for (const [word, want] of [["a/b-1.yaml", "a/b-1.yaml"], ["a b", "'a b'"], ["it's", "'it'\\''s'"], ["", "''"], ["$x", "'$x'"]]) assert.equal(shellWord(word), want);
});
