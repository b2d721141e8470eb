// Elements are made here and nowhere else. Text goes into text nodes: there is
// no way from the run's data to markup.

function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key === "class") e.className = value;
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return e;
}

const $ = (id) => document.getElementById(id);

function button(text, act, attributes) {
  return el("button", { type: "button", onclick: act, ...attributes }, text);
}

function verdictEl(v) {
  const group = v === PASS || v === SKIP || v === FAIL ? VERDICTS[v] : "doubt";
  return el("span", { class: "verdict v-" + group }, el("span", { "aria-hidden": "true" }, MARKS[v]), " " + VERDICTS[v]);
}

const count = (n) => n.toLocaleString("en-US");

// copyText puts text on the clipboard, also where a page from disk may not use
// the asynchronous interface.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "sr", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

let sayTimer = 0;
function say(text) {
  const status = $("status") || document.body.appendChild(el("div", { id: "status", class: "status", role: "status" }));
  status.textContent = text;
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => { status.textContent = ""; }, 2500);
}

async function copyAndSay(text, what) {
  say((await copyText(text)) ? "Copied " + what + "." : "Could not copy " + what + ".");
}

// shellWord quotes one word for a POSIX shell.
function shellWord(s) {
  return /^[A-Za-z0-9_./:,+=@%-]+$/.test(s) ? s : "'" + s.replaceAll("'", "'\\''") + "'";
}

function copyButtons(root) {
  for (const pre of root.querySelectorAll("pre[data-copy]")) {
    const text = pre.textContent;
    pre.append(button("Copy", () => copyAndSay(text, "the text"), { class: "copy" }));
  }
}
