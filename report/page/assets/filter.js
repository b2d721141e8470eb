// The filter language: words and key:value tokens, all of which must hold; a
// leading minus turns one around. A token with an unknown key is a word.

function tokens(query) {
  const out = [];
  for (const m of query.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi)) {
    const value = m[3] !== undefined ? m[3] : m[4];
    out.push({ not: m[1] === "-", key: (m[2] || "").toLowerCase(), value, text: m[2] ? m[2] + ":" + value : value });
  }
  return out;
}

// compare reads >1.5, >=200, <3, 4 into a test on numbers; null when it is none.
function compare(text) {
  const m = /^(>=|<=|>|<|=)?(\d+(?:\.\d+)?)$/.exec(text);
  if (!m) return null;
  const n = Number(m[2]);
  switch (m[1]) {
    case ">": return (v) => v > n;
    case ">=": return (v) => v >= n;
    case "<": return (v) => v < n;
    case "<=": return (v) => v <= n;
    default: return (v) => v === n;
  }
}

const contains = (of) => (value) => {
  const want = value.toLowerCase();
  return (m, i) => of(m, i).toLowerCase().includes(want);
};

const FILTERS = {
  status(value) {
    const test = compare(value);
    return (m, i) => m.status(i).some((s) => s === value || (test && test(Number(s))));
  },
  cause(value) { // 3, >2, 4-6, or several of them: 0,4-6
    const tests = value.split(",").map((part) => {
      const range = /^(\d+)-(\d+)$/.exec(part);
      return range ? (n) => n >= Number(range[1]) && n <= Number(range[2]) : compare(part);
    });
    return tests.every(Boolean) && ((m, i) => m.causes(i).some((n) => tests.some((test) => test(n))));
  },
  ratio(value) {
    const test = compare(value);
    return test && ((m, i) => m.verdict(i) !== SKIP && test(m.ratio(i)));
  },
  ms(value) {
    const test = compare(value);
    return test && ((m, i) => m.verdict(i) !== SKIP && test(m.greenMs(i)));
  },
  is(value) {
    const want = value.toLowerCase();
    const verdict = VERDICTS.indexOf(want);
    if (verdict > 0) return (m, i) => m.verdict(i) === verdict;
    switch (want) {
      case "flaky": return (m, i) => m.flaky(i);
      case "differ": return (m, i) => m.causes(i).length > 0;
      case "open": return (m, i) => m.open(i);
      case "setup": case "teardown": return (m, i) => m.kind(i) === want;
      default: return null;
    }
  },
  tag(value) { return (m, i) => m.tags(i).split(" ").includes(value); },
  method(value) { return (m, i) => m.method(i) === value.toUpperCase(); },
  path: contains((m, i) => m.path(i)),
  id: contains((m, i) => m.id(i)),
  suite: contains((m, i) => m.suite(i).name),
  service: contains((m, i) => m.suite(i).service),
  owner: contains((m, i) => m.suite(i).owner),
};

function word(text) {
  const want = text.toLowerCase();
  return (m, i) => m.hay(i).includes(want);
}

// matching lists the rows that a query leaves, in plan order.
function matching(model, query) {
  const tests = tokens(query).map((t) => {
    const make = Object.hasOwn(FILTERS, t.key) ? FILTERS[t.key] : null;
    const test = (make && make(t.value)) || word(t.text);
    return t.not ? (m, i) => !test(m, i) : test;
  });
  const out = [];
  for (let i = 0; i < model.rows; i++) {
    let all = true;
    for (let k = 0; k < tests.length && all; k++) all = tests[k](model, i);
    if (all) out.push(i);
  }
  return out;
}

const SORTS = {
  verdict: (m, i) => -m.verdict(i),
  id: (m, i) => m.id(i),
  request: (m, i) => m.path(i),
  blue: (m, i) => m.blueMs(i),
  green: (m, i) => m.greenMs(i),
  ratio: (m, i) => m.ratio(i),
  status: (m, i) => m.status(i)[1],
  cause: (m, i) => (m.causes(i).length ? m.causes(i)[0] : Infinity),
};

// sorted orders rows by a column; "-" before its name turns the order around.
function sorted(model, rows, by) {
  const down = by.startsWith("-");
  const key = SORTS[down ? by.slice(1) : by];
  if (!key) return rows;
  const keys = new Map(rows.map((i) => [i, key(model, i)]));
  const sign = down ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const x = keys.get(a), y = keys.get(b);
    return x < y ? -sign : x > y ? sign : a - b;
  });
}
