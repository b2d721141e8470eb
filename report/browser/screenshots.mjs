// Takes the pictures of the documentation from a report. Usage:
// node screenshots.mjs REPORT.html FOLDER CHROMIUM. They are made, never drawn, so that
// they show what the page shows: make screenshots.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [report, folder, executablePath] = process.argv.slice(2);
mkdirSync(join(folder, "img"), { recursive: true });
const browser = await chromium.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 750 } });
await page.goto(pathToFileURL(report).href);

// The first screen: verdict, reasons, services, gates.
await page.screenshot({ path: join(folder, "report.png") });

// An open cause: where it is, what changed, the rule that would hide it.
const cause = page.locator(".causes details").first();
await cause.locator("summary").first().click();
await cause.scrollIntoViewIfNeeded();
const box = await cause.boundingBox();
await page.screenshot({
  path: join(folder, "img", "report-cause.png"), fullPage: true,
  clip: { x: 0, y: Math.max(0, box.y + (await page.evaluate(() => scrollY)) - 60), width: 1280, height: Math.min(560, box.height + 80) },
});

// A case: both answers next to each other, with the command that repeats each request.
await page.keyboard.press("Escape");
await page.locator("h1").click();
await page.keyboard.press("n");
await page.locator("#detail").waitFor({ state: "visible" });
await page.waitForTimeout(500); // the pane scrolls to the difference
await page.screenshot({ path: join(folder, "img", "report-case.png") });
await browser.close();
