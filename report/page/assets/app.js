// What a reader does with the page: filter, walk, open, copy. The whole state
// is in the address, so that a link shows what its sender saw.

const KEYS = [
  ["/", "filter"], ["j k", "next, previous case"], ["Enter", "open"], ["n p", "next, previous difference"], ["c", "next cause"],
  ["i", "ignored differences on or off"], ["x", "copy curl for green; X for blue"], ["r", "copy bgverify run for this case"], ["Esc", "close"], ["?", "this list"],
];

function start(model) {
  const openCount = countOpen(model);
  const state = { q: openCount ? "is:open" : "", sort: "", row: -1, open: false, ignored: true };
  const first = state.q;
  const detail = $("detail"), query = $("query"), app = $("app");
  let shown = null, differences = 0, here = -1, written = "", ticket = 0;

  const table = makeTable(model, {
    open: (i) => openCase(i, false),
    sort(key) {
      state.sort = state.sort === key ? "-" + key : state.sort === "-" + key ? "" : key;
      refresh();
    },
  });

  function countOpen(m) {
    let n = 0;
    for (let i = 0; i < m.rows; i++) if (m.open(i)) n++;
    return n;
  }

  // refresh shows what the state says: rows, their number, the address.
  function refresh() {
    const rows = sorted(model, matching(model, state.q), state.sort);
    table.show(rows, state.sort);
    $("none").hidden = rows.length > 0;
    $("found").textContent = count(rows.length) + " of " + count(model.rows);
    for (const b of $("quick").children) b.setAttribute("aria-pressed", String(b.dataset.q === state.q));
    if (state.row >= 0) table.mark(state.row);
    write();
  }

  function write() {
    const p = [];
    const put = (key, value) => p.push(key + "=" + encodeURIComponent(value).replaceAll("%3A", ":").replaceAll("%2F", "/"));
    if (state.q !== first) put("q", state.q);
    if (state.sort) put("sort", state.sort);
    if (state.row >= 0) put("case", model.id(state.row));
    if (state.open) put("open", "1");
    if (!state.ignored) put("ignored", "0");
    written = p.length ? "#" + p.join("&") : "";
    if (written !== location.hash && (written || location.hash.includes("="))) history.replaceState(null, "", written || location.pathname + location.search);
  }

  function read(follow) {
    if (!location.hash.includes("=") || location.hash === written) return;
    const p = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
    state.q = p.get("q") ?? first;
    state.sort = p.get("sort") ?? "";
    state.ignored = p.get("ignored") !== "0";
    state.row = p.has("case") ? model.find(p.get("case")) : -1;
    query.value = state.q;
    refresh();
    if (p.get("open") === "1" && state.row >= 0) openCase(state.row, false);
    else close();
    if (follow && !state.open) $("cases").scrollIntoView({ block: "start" });
  }

  function setQuery(q) {
    state.q = q;
    query.value = q;
    refresh();
  }

  async function openCase(i, toDifference) {
    state.row = i;
    state.open = true;
    const mine = ++ticket;
    const d = await model.detail(i);
    if (mine !== ticket) return; // another case was opened meanwhile
    shown = d;
    app.classList.add("with-detail");
    detail.hidden = false;
    detail.dataset.shown = String(i);
    detail.replaceChildren(...paneOf(i, d));
    detail.classList.toggle("hide-ignored", !state.ignored);
    differences = d ? differencesIn(d.steps) : 0;
    here = -1;
    table.mark(i);
    write();
    if (toDifference && differences) goTo(toDifference > 0 ? 0 : differences - 1);
    else if (detail.getBoundingClientRect().top > innerHeight - 160) $("filter").scrollIntoView({ block: "start" });
  }

  function close() {
    ticket++;
    state.open = false;
    shown = null;
    differences = 0;
    app.classList.remove("with-detail");
    detail.hidden = true;
    detail.replaceChildren();
    table.refresh();
    write();
  }

  function rerun(i) {
    if (shown) return shown.rerun;
    const glob = " --case " + shellWord(model.id(i).replace(/[*?[\]\\]/g, "\\$&"));
    if (model.demo) return model.demo + glob;
    return "bgverify run " + shellWord(model.suite(i).file) + glob + " --blue " + shellWord(model.sides[0]) + " --green " + shellWord(model.sides[1]);
  }

  function paneOf(i, d) {
    const title = el("h3", { id: "detail-title", tabindex: "-1" }, verdictEl(model.verdict(i)), " ", el("span", { class: "mono" }, model.id(i)), model.name(i) ? " " + model.name(i) : "");
    const tools = el("div", { class: "tools" });
    if (d && d.steps.some((s) => s.curl)) {
      tools.append(button("Copy curl blue", () => copyCurl(0)), button("Copy curl green", () => copyCurl(1)));
    }
    tools.append(button("Copy bgverify run", () => copyAndSay(rerun(i), "the command")));
    if (d) {
      tools.append(button("Show ignored", toggleIgnored, { "aria-pressed": String(state.ignored), id: "ignored-button" }), button("Next difference", () => nextDifference(1)));
    }
    tools.append(button("Close", close));
    const body = el("div", { class: "detail-body" });
    if (!d) {
      const [b, g] = model.status(i);
      body.append(el("p", null, model.method(i) + " " + model.path(i) + ": blue " + b + ", green " + g + "."), el("p", { class: "dim" }, model.verdict(i) === PASS ? "Equal under the rules. The page holds no bodies of equal cases; the run folder does." : "The page holds no more of this case; see run.json."));
    } else {
      for (const text of d.reasons || []) body.append(el("p", { class: "lead" }, text));
      const room = { left: ROOM };
      let before = 0;
      for (const s of d.steps) {
        body.append(stepEl(s, room, before, (id) => setQuery("cause:" + id)));
        before += differencesIn([s]);
      }
      if (!d.steps.length) body.append(el("p", { class: "dim" }, "No step was sent."));
      if (d.at) body.append(el("p", { class: "dim small" }, d.at));
    }
    return [el("div", { class: "detail-bar" }, title, tools), body];
  }

  function copyCurl(side) {
    const step = shown && shown.steps.find((s) => s.curl && s.curl[side]);
    if (step) copyAndSay(step.curl[side], "curl for " + ["blue", "green"][side]);
  }

  function toggleIgnored() {
    state.ignored = !state.ignored;
    detail.classList.toggle("hide-ignored", !state.ignored);
    const b = $("ignored-button");
    if (b) b.setAttribute("aria-pressed", String(state.ignored));
    write();
  }

  function goTo(k) {
    const at = (n) => detail.querySelector('[data-d="' + n + '"]');
    if (here >= 0) at(here).classList.remove("here");
    here = k;
    for (let more; !at(k) && (more = detail.querySelector(".more-rows"));) more.click();
    const row = at(k);
    row.classList.add("here");
    row.scrollIntoView({ block: "center" });
    say("Difference " + (k + 1) + " of " + differences + ".");
  }

  // nextDifference walks within the case, then on to the next case that has one.
  function nextDifference(by) {
    if (state.open && differences) {
      const k = here < 0 ? (by > 0 ? 0 : differences - 1) : here + by;
      if (k >= 0 && k < differences) return goTo(k);
    }
    let i = state.row < 0 || !state.open && here < 0 && state.row < 0 ? table.step(-1, by) : table.step(state.row, by);
    while (i >= 0 && !model.causes(i).length) i = table.step(i, by);
    if (i >= 0) openCase(i, by);
    else say("No further difference.");
  }

  function nextCause() {
    const now = state.row >= 0 ? model.causes(state.row)[0] : undefined;
    let i = table.step(state.row, 1);
    while (i >= 0 && (!model.causes(i).length || model.causes(i)[0] === now)) i = table.step(i, 1);
    if (i >= 0) openCase(i, 1);
    else say("No further cause.");
  }

  function move(by) {
    const i = state.row < 0 ? table.step(-1, 1) : table.step(state.row, by);
    if (i < 0) return;
    if (state.open) openCase(i, 0);
    else {
      state.row = i;
      table.mark(i);
      write();
      $("grid").scrollIntoView({ block: "nearest" });
    }
  }

  const acts = {
    "/": () => { query.focus(); query.select(); },
    j: () => move(1), k: () => move(-1),
    n: () => nextDifference(1), p: () => nextDifference(-1), c: nextCause,
    i: toggleIgnored, x: () => copyCurl(1), X: () => copyCurl(0),
    r: () => state.row >= 0 && copyAndSay(rerun(state.row), "the command"),
    "?": () => help().showModal(),
  };

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || $("help").open) return;
    if (e.key === "Escape") {
      if (document.activeElement === query) query.blur();
      else if (state.open) close();
      return;
    }
    if (e.target.closest("input, textarea, select, [contenteditable]") || !keysOn()) return;
    if (e.key === "Enter") {
      if (state.row >= 0 && !e.target.closest("button, a, summary")) openCase(state.row, 1);
      return;
    }
    if (Object.hasOwn(acts, e.key)) {
      e.preventDefault();
      acts[e.key]();
    }
  });

  query.addEventListener("input", () => { state.q = query.value; refresh(); });
  $("filter").addEventListener("submit", (e) => {
    e.preventDefault();
    query.blur();
    const i = table.step(-1, 1);
    if (i >= 0) openCase(i, 1);
  });
  $("clear").addEventListener("click", () => setQuery(first));
  addEventListener("hashchange", () => read(true));

  const quick = (text, q) => button(text, () => setQuery(q), { "data-q": q, "aria-pressed": "false" });
  if (openCount) $("quick").append(quick("did not pass " + count(openCount), "is:open"));
  // Setup and teardown have rows, and are not cases: the page counts them nowhere as such.
  let around = 0;
  for (let i = 0; i < model.rows; i++) if (model.kind(i)) around++;
  $("quick").append(quick("all " + count(model.rows - around) + (around ? " and " + count(around) + " setup and teardown" : ""), ""));

  query.value = state.q;
  app.hidden = false;
  $("key-hint").hidden = false;
  refresh();
  read(false);
}

// keysOn says whether single keys act; the choice outlives the page where the
// browser lets a page from disk keep it.
let keysOff = false;
function keysOn() { return !keysOff; }

function help() {
  const dialog = $("help");
  if (dialog.children.length) return dialog;
  const box = el("input", { type: "checkbox", id: "keys-on" });
  box.checked = keysOn();
  box.addEventListener("change", () => {
    keysOff = !box.checked;
    try { localStorage.setItem("bgverify-keys", keysOff ? "off" : "on"); } catch { /* not kept */ }
  });
  const list = el("dl");
  for (const [key, what] of KEYS) list.append(el("dt", null, ...key.split(" ").flatMap((k, i) => (i ? [" ", el("kbd", null, k)] : [el("kbd", null, k)]))), el("dd", null, what));
  dialog.append(el("h3", { id: "help-title" }, "Keys"), list,
    el("p", null, el("label", { for: "keys-on" }, box, " Single keys act")),
    el("p", { class: "dim" }, "Filter by words, status:500, cause:2 or cause:1,4-6, path:/users, is:flaky, is:broken, suite:, owner:, tag:, method:, ratio:>1.5, ms:>100; a minus before a token turns it around."),
    button("Close", () => dialog.close()));
  return dialog;
}

// foldAway keeps what closed details hold out of the page until they are opened,
// so that a page stays light however many causes and rules a run has. What it
// returns puts all of it back.
function foldAway() {
  const back = [];
  for (const d of document.querySelectorAll("details:not([open])")) {
    if (d.parentElement.closest("details:not([open])")) continue; // goes with the outer one
    const away = document.createDocumentFragment();
    while (d.firstElementChild.nextSibling) away.append(d.firstElementChild.nextSibling);
    const restore = () => d.append(away);
    d.addEventListener("toggle", restore, { once: true });
    back.push(restore);
  }
  return () => back.splice(0).forEach((restore) => restore());
}

// boot takes over from the page as it was written: the table and its pane
// replace the list of the first cases, which comes back for printing.
async function boot() {
  try { keysOff = localStorage.getItem("bgverify-keys") === "off"; } catch { /* not kept */ }
  copyButtons(document);
  const model = makeModel(await unpack($("table-data").textContent), $("detail-data").textContent);
  const list = $("case-lines"), place = document.createComment("");
  if (list) list.replaceWith(place);
  const unfold = foldAway();
  addEventListener("beforeprint", () => { unfold(); if (place.isConnected) place.replaceWith(list); });
  addEventListener("afterprint", () => { if (list && list.isConnected) list.replaceWith(place); });
  if (model.rows) start(model);
  document.documentElement.dataset.ready = "true";
}

boot().catch((e) => { // the page as it was written stays readable
  document.documentElement.dataset.plain = "true";
  throw e;
});
