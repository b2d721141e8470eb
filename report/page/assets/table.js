// The table of all cases: only the rows in sight are elements.

const COLUMNS = [
  ["verdict", "result", "c-verdict"], ["id", "case", "c-case"], ["request", "request", "c-request"], ["status", "status", "c-status"],
  ["blue", "blue ms", "c-ms num"], ["green", "green ms", "c-ms num"], ["ratio", "ratio", "c-ratio num"], ["cause", "cause", "c-cause"],
];
const AROUND = 3; // rows kept above and below those in sight

function makeTable(model, on) {
  const grid = $("grid"), body = $("big-body"), head = $("big-head"), table = $("big");
  const above = el("tr", { class: "pad", "aria-hidden": "true" }, el("td"));
  const below = el("tr", { class: "pad", "aria-hidden": "true" }, el("td"));
  let rows = [], current = -1, height = 33, from = -1, to = -1;

  for (const [key, title, cls] of COLUMNS) {
    head.append(el("th", { scope: "col", class: cls, "data-sort": key }, button(title, () => on.sort(key))));
  }
  grid.addEventListener("scroll", () => paint(false), { passive: true });
  addEventListener("resize", () => paint(true));

  function statusText(i) {
    const [b, g] = model.status(i);
    return b === g ? b : b + " → " + g;
  }

  function rowEl(i, at) {
    const v = model.verdict(i);
    const ms = (n) => (v === SKIP ? "" : n >= 100 ? n.toFixed(0) : n.toPrecision(3));
    const ratio = model.ratio(i);
    const note = model.kind(i) || (model.flaky(i) ? "flaky" : "");
    return el("tr", { "aria-rowindex": at + 2, "aria-current": i === current ? "true" : null, onclick: () => on.open(i) },
      el("td", { class: "c-verdict" }, verdictEl(v), note ? " " + note : ""),
      el("td", { class: "c-case" }, button(model.id(i), (e) => { e.stopPropagation(); on.open(i); }, { class: "id" }), model.name(i) ? el("span", { class: "name" }, model.name(i)) : ""),
      el("td", { class: "c-request" }, model.method(i) + " " + model.path(i)),
      el("td", { class: "c-status" }, statusText(i)),
      el("td", { class: "c-ms num" }, ms(model.blueMs(i))),
      el("td", { class: "c-ms num" }, ms(model.greenMs(i))),
      el("td", { class: "c-ratio num" }, v === SKIP || !ratio ? "" : "×" + ratio.toFixed(2)),
      el("td", { class: "c-cause" }, model.causes(i).join(", ")));
  }

  // paint puts the rows in sight into the table. force replaces those that are there.
  function paint(force) {
    const first = Math.max(0, Math.floor(grid.scrollTop / height) - AROUND);
    const last = Math.min(rows.length, Math.ceil((grid.scrollTop + grid.clientHeight) / height) + AROUND);
    if (!force && first === from && last === to) return;
    [from, to] = [first, last];
    const shown = [];
    for (let at = first; at < last; at++) shown.push(rowEl(rows[at], at));
    above.firstChild.style.height = first * height + "px";
    below.firstChild.style.height = (rows.length - last) * height + "px";
    body.replaceChildren(above, ...shown, below);
    if (force && shown.length) {
      const real = shown[0].getBoundingClientRect().height;
      if (real > 0 && Math.abs(real - height) > 0.4) {
        height = real;
        paint(true);
      }
    }
  }

  return {
    show(list, sort) {
      rows = list;
      table.setAttribute("aria-rowcount", rows.length + 1);
      grid.hidden = rows.length === 0;
      grid.scrollTop = 0;
      for (const th of head.children) {
        const key = th.dataset.sort;
        th.setAttribute("aria-sort", sort === key ? "ascending" : sort === "-" + key ? "descending" : "none");
      }
      paint(true);
    },
    mark(i) {
      current = i;
      const at = rows.indexOf(i);
      const headHeight = head.getBoundingClientRect().height;
      if (at >= 0) {
        const top = at * height, room = grid.clientHeight - headHeight;
        if (top < grid.scrollTop) grid.scrollTop = top;
        else if (top + height > grid.scrollTop + room) grid.scrollTop = top + height - room;
      }
      paint(true);
    },
    refresh: () => paint(true),
    // step is the row so many places from another in the order shown.
    step(i, by) {
      const at = rows.indexOf(i);
      if (at < 0) return rows.length ? rows[by > 0 ? 0 : rows.length - 1] : -1;
      const next = at + by;
      return next >= 0 && next < rows.length ? rows[next] : -1;
    },
    rows: () => rows,
  };
}
