// The page's data: base64 of gzip of JSON, one text for the table's columns and
// one for the details, which are unpacked in chunks when a case is opened.

const VERDICTS = ["", "skip", "pass", "inconclusive", "broken", "fail", "interrupted", "incomplete"];
const MARKS = ["", "–", "✓", "?", "!", "✖", "■", "■"];
const SKIP = 1, PASS = 2, FAIL = 5;

async function unpack(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(plain).text());
}

// makeModel turns columns into rows that are asked for by number.
function makeModel(t, detailText) {
  const lines = (text) => (t.rows ? text.split("\n") : []);
  const ids = lines(t.ids), names = lines(t.names), paths = lines(t.paths);
  const verdicts = new Uint8Array(t.rows);
  for (let i = 0; i < t.rows; i++) verdicts[i] = t.verdicts.charCodeAt(i) - 48;
  const causes = new Map(t.causes.map((c) => [c[0], c.slice(1)]));
  const flaky = new Set(t.flaky), kinds = new Map(t.kinds);
  const detailAt = new Map(t.details.map((row, k) => [row, k]));
  const statuses = t.statuses.map((s) => s.split(" "));
  const none = [];
  const chunks = new Map();
  let hay = null;

  function suite(i) {
    let low = 0, high = t.suites.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (t.suites[mid].first <= i) low = mid; else high = mid - 1;
    }
    return t.suites[low];
  }

  function chunk(c) {
    if (!chunks.has(c)) {
      if (chunks.size > 24) chunks.delete(chunks.keys().next().value);
      chunks.set(c, unpack(detailText.slice(t.chunks[c], t.chunks[c + 1])));
    }
    return chunks.get(c);
  }

  return {
    rows: t.rows, run: t.run, sides: t.sides, demo: t.demo,
    id: (i) => ids[i], name: (i) => names[i], path: (i) => paths[i],
    verdict: (i) => verdicts[i], method: (i) => t.methods[t.method[i]],
    status: (i) => statuses[t.status[i]], tags: (i) => t.tagSets[t.tags[i]],
    blueMs: (i) => t.blueMs[i], greenMs: (i) => t.greenMs[i],
    ratio: (i) => (t.blueMs[i] > 0 ? t.greenMs[i] / t.blueMs[i] : 0),
    causes: (i) => causes.get(i) || none,
    flaky: (i) => flaky.has(i), kind: (i) => kinds.get(i) || "",
    open: (i) => verdicts[i] > PASS || flaky.has(i),
    suite,
    // hay is the lower-case text that words are looked for in, made once.
    hay(i) {
      if (!hay) {
        hay = new Array(t.rows);
        for (let k = 0; k < t.rows; k++) hay[k] = (ids[k] + " " + names[k] + " " + t.methods[t.method[k]] + " " + paths[k]).toLowerCase();
      }
      return hay[i];
    },
    find(id) { return ids.indexOf(id); },
    // detail is a promise of a case's detail; null for a case that has none.
    detail(i) {
      if (!detailAt.has(i)) return Promise.resolve(null);
      const k = detailAt.get(i);
      return chunk(Math.floor(k / t.chunk)).then((list) => list[k % t.chunk]);
    },
  };
}
