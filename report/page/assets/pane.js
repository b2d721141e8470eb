// The pane of one case: blue next to green. The program that wrote the page laid the
// rows out; here they only become elements.

// What a row shows, in the order of its number in the page's data: its name (in the
// style, r-NAME), its sign, and the word for readers who do not see the sign.
const ROWS = [
  ["same", "", ""], ["changed", "≠", "changed"], ["added", "+", "only green"], ["removed", "−", "only blue"],
  ["ignored", "~", "ignored"], ["moved", "⇅", "moved"], ["fold", "⋯", "same"], ["title", "", ""],
];
const ROW = Object.fromEntries(ROWS.map(([name], number) => [name, number]));

// ROOM is how many nodes the rows of a case may add to the page before somebody
// asks for more; a row that is the same on both sides takes eight.
const ROOM = 600;
const weight = (row) => row[0] === ROW.same || row[0] === ROW.fold ? 8 : 16;

// differs says whether a difference begins at a row; members that only one side
// has follow one another and are one.
function differs(rows, k) {
  const mark = rows[k][0];
  if (mark === ROW.changed) return true;
  return (mark === ROW.added || mark === ROW.removed || mark === ROW.moved) && !(k > 0 && rows[k - 1][0] === mark);
}

const differencesIn = (steps) => steps.reduce((n, s) => n + s.rows.filter((_, k) => differs(s.rows, k)).length, 0);

// parts splits two texts into what they begin with alike, what differs, and
// what they end with alike, never between the halves of a surrogate pair.
function parts(a, b) {
  if (!a || !b || a === b) return [[a, "", ""], [b, "", ""]];
  const high = (c) => c >= 0xd800 && c < 0xdc00, low = (c) => c >= 0xdc00 && c < 0xe000;
  let head = 0;
  const most = Math.min(a.length, b.length);
  while (head < most && a.charCodeAt(head) === b.charCodeAt(head)) head++;
  if (head > 0 && high(a.charCodeAt(head - 1))) head--;
  let tail = 0;
  while (tail < most - head && a.charCodeAt(a.length - 1 - tail) === b.charCodeAt(b.length - 1 - tail)) tail++;
  if (tail > 0 && low(a.charCodeAt(a.length - tail))) tail--;
  const cut = (s) => [s.slice(0, head), s.slice(head, s.length - tail), s.slice(s.length - tail)];
  return [cut(a), cut(b)];
}

function textCell(indent, [before, inside, after], note) {
  const pre = el("pre", null, before || inside || after ? indent + before : "");
  if (inside) pre.append(el("mark", null, inside));
  if (after) pre.append(after);
  return el("td", null, pre, note ? el("small", { class: "rule" }, note) : null);
}

function paneRow(row) {
  const [mark, depth, blue] = row;
  const indent = "  ".repeat(depth);
  if (mark === ROW.fold) return foldRow(row, indent);
  const green = row.length < 4 || row[3] === 0 ? blue : row[3];
  if (mark === ROW.title) return el("tr", { class: "r-title" }, el("td"), el("td", null, blue), el("td", null, green));
  const [b, g] = mark === ROW.changed || mark === ROW.ignored ? parts(blue, green) : [[blue, "", ""], [green, "", ""]];
  const [name, sign, spoken] = ROWS[mark];
  const first = el("td", null);
  if (sign) first.append(el("span", { "aria-hidden": "true" }, sign), el("span", { class: "sr" }, spoken));
  return el("tr", { class: "r-" + name }, first, textCell(indent, b), textCell(indent, g, row[4]));
}

function foldRow([mark, , n, hidden], indent) {
  const text = (n === 1 ? "1 line" : count(n) + " lines") + " the same";
  const cell = el("td", { colspan: 2 });
  const tr = el("tr", { class: "r-fold" }, el("td", { "aria-hidden": "true" }, ROWS[mark][1]), cell);
  if (!hidden) {
    cell.append(el("pre", null, indent + text + "; see the raw answers"));
    return tr;
  }
  cell.append(el("pre", null, indent, button(text, () => tr.replaceWith(...hidden.map(paneRow)), { class: "fold-button" })));
  return tr;
}

// paneTable shows rows as far as there is room. data-d numbers the differences
// of the case, of which first come before these rows.
function paneTable(rows, room, first) {
  const body = el("tbody");
  const more = (k) => {
    for (; k < rows.length && room.left > 0; k++) {
      const tr = paneRow(rows[k]);
      if (differs(rows, k)) tr.dataset.d = String(first++);
      body.append(tr);
      room.left -= weight(rows[k]);
    }
    if (k === rows.length) return;
    const text = count(rows.length - k) + (k ? " more rows" : " rows");
    const tr = el("tr", { class: "r-fold" }, el("td"), el("td", { colspan: 2 }, button(text, () => { tr.remove(); room.left = ROOM; more(k); }, { class: "fold-button more-rows" })));
    body.append(tr);
  };
  more(0);
  const place = (side) => el("th", { scope: "col", class: "place " + side }, side);
  return el("table", { class: "pane" }, el("thead", null, el("tr", null, el("th", { scope: "col" }, el("span", { class: "sr" }, "what")), place("blue"), place("green"))), body);
}

function rawViews(raw) {
  const view = (side, text) => el("div", null, el("p", { class: "place " + side }, side), el("pre", { class: "command", tabindex: "0", "aria-label": side + "'s answer" }, text));
  const box = el("details", null, el("summary", null, "Raw answers"));
  box.addEventListener("toggle", () => {
    if (box.open && box.children.length === 1) box.append(el("div", { class: "raws" }, view("blue", raw[0]), view("green", raw[1])));
  });
  return box;
}

function traceLine(step) {
  const line = el("span", { class: "dim" });
  (step.traces || []).forEach((text, i) => {
    const url = step.links && step.links[i];
    line.append(i ? " · " : " trace of ", url && /^https?:\/\//.test(url) ? el("a", { href: url, rel: "noreferrer" }, text) : el("span", { class: "mono small" }, text));
  });
  return step.traces ? line : "";
}

function stepEl(step, room, first, onCause) {
  const request = el("p", { class: "request" }, el("span", { class: "mono" }, step.request));
  if (step.lane) request.append(" ", el("span", { class: "dim" }, "lane " + step.lane));
  for (const id of step.causes || []) request.append(" ", button("cause " + id, () => onCause(id), { class: "tag" }));
  request.append(traceLine(step));
  const box = el("div", { class: "step" }, request);
  for (const text of step.expect || []) box.append(el("p", { class: "v-fail" }, text));
  if (step.rows.length) box.append(paneTable(step.rows, room, first));
  else for (const text of step.reasons || []) box.append(el("p", null, text));
  if (step.left) box.append(el("p", { class: "dim" }, step.left));
  for (const text of step.notes || []) box.append(el("p", { class: "dim" }, text));
  if (step.raw) box.append(rawViews(step.raw));
  if (step.curl) {
    const commands = el("details", null, el("summary", null, "The same requests with curl"));
    step.curl.forEach((line, i) => line && commands.append(el("pre", { class: "command" }, el("code", null, "# " + ["blue", "green"][i] + "\n" + line))));
    box.append(commands);
  }
  return box;
}
