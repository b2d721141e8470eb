// The page's script as the program assembles it: its parts, in order, in one
// function. Tests ask for the functions that they look at by name.
import { readFileSync } from "node:fs";

export const parts = ["data.js", "filter.js", "dom.js", "table.js", "pane.js", "app.js"];

const folder = new URL("../page/assets/", import.meta.url);

export const sources = parts.map((name) => readFileSync(new URL(name, folder), "utf8"));

// load runs the parts up to pane.js, which need no page to be defined, and
// returns the functions with these names.
export function load(...names) {
  const definitions = sources.slice(0, parts.indexOf("app.js")).join("");
  return new Function(definitions + "return {" + names.join(",") + "};")();
}

// placeOf says which line of which part a line of the assembled script is.
export function placeOf(line) {
  for (let i = 0; i < parts.length; i++) {
    const n = sources[i].split("\n").length - 1;
    if (line <= n) return parts[i] + ":" + line;
    line -= n;
  }
  return "script:" + line;
}
