// The built-in page in Chromium, against the server at HOLDFAST_URL.
//
//   HOLDFAST_URL=http://127.0.0.1:3000 node page.test.mjs [PICTURE.png]
//
// Run by tests/clients.rs. CHROMIUM names the browser (default /usr/bin/chromium; without it every test
// is skipped). PICTURE is a file for a picture of the page; two more get `-dark` and `-phone` before the
// ending. Nothing sleeps: the page's own elements say when something has happened.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test as nodeTest } from "node:test";
import { chromium } from "playwright-core";

const SERVER_URL = process.env.HOLDFAST_URL?.replace(/\/$/, "");
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PICTURE = process.argv[2];
const ARGS = ["--no-first-run", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"];
const LIMIT_MS = 15_000;
if (!SERVER_URL) throw new Error("HOLDFAST_URL is not set: the tests need a server");

const skip = existsSync(BROWSER) ? false : `${BROWSER} is not there (make setup installs it on Debian)`;
const test = (name, run) => nodeTest(name, { skip, timeout: 60_000 }, run);
let browser;
before(async () => {
  if (!skip) browser = await chromium.launch({ executablePath: BROWSER, headless: true, chromiumSandbox: false, args: ARGS });
});
after(() => browser?.close());

test("it connects by polling, upgrades to WebSocket, and shows both", async (t) => {
  const page = await open(t);
  await shows(page, "#status", "connected");
  await shows(page, "#transport", "websocket");
  const timeline = page.locator("#timeline");
  for (const text of ["session opened by polling", "upgraded to websocket", "joined harbour"]) await timeline.getByText(text).waitFor();
  assert.match(await page.locator("#sid").textContent(), /^[\w-]{20}$/);
});

test("it stays with polling when told to", async (t) => {
  const page = await open(t, "/?transport=polling");
  await shows(page, "#status", "connected");
  await samples(page, 3);
  assert.equal(await page.locator("#transport").textContent(), "polling");
});

test("it connects by WebSocket at once when told to", async (t) => {
  const page = await open(t, "/?transport=websocket");
  await page.locator("#timeline").getByText("session opened by websocket").waitFor();
});

test("the round trip is measured and plotted", async (t) => {
  const page = await open(t);
  await samples(page, 5);
  const points = (await page.locator("#rtt-line").getAttribute("d")).split("L").length;
  assert.ok(points >= 5, `${points} points`);
  for (const id of ["#rtt-last", "#rtt-p50", "#rtt-p95"]) {
    const ms = Number(await page.locator(id).textContent());
    assert.ok(ms > 0 && ms < 5000, `${id}: ${ms} ms`);
  }
});

test("two tabs chat in a room; text is text; who comes later sees the history", async (t) => {
  const [ann, bob] = [await open(t), await open(t)];
  const room = `room-${Date.now()}`;
  await enter(ann, "Ann", room);
  await enter(bob, "Bob", room);
  await ann.locator("#members", { hasText: "Bob" }).waitFor();
  assert.equal(await ann.locator("#member-count").textContent(), "2");

  const said = '<img src=x onerror="document.title=1"> & 😀';
  await say(ann, said);
  await bob.locator("#messages .text", { hasText: said }).waitFor();
  await say(bob, "aye");
  await ann.locator("#messages .text", { hasText: "aye" }).waitFor();
  assert.deepEqual(await ann.locator("#messages .text").allTextContents(), [said, "aye"]);
  assert.equal(await bob.locator("#messages img").count(), 0);

  const eve = await open(t);
  await enter(eve, "Eve", room);
  await eve.locator("#messages .text", { hasText: "aye" }).waitFor();
  await bob.close();
  await ann.locator("#members", { hasText: /^((?!Bob).)*$/ }).waitFor();
  await picture(ann, "");
});

test("rooms: another one, unread messages, leaving", async (t) => {
  const [ann, bob] = [await open(t), await open(t)];
  const room = `room-${Date.now()}`;
  await enter(ann, "Ann", room);
  await enter(bob, "Bob", room);
  await ann.locator('#rooms [data-room="deck"]').click();
  await shows(ann, "#room", "deck");
  await say(bob, "are you there?");
  await ann.locator(`#rooms [data-room="${room}"] b`, { hasText: "1" }).waitFor();
  await ann.locator(`#rooms [data-room="${room}"]`).click();
  await ann.locator("#messages .text", { hasText: "are you there?" }).waitFor();
  await ann.locator("#leave").click();
  await shows(bob, "#members", "Bob");
});

test("a cut connection comes back, rooms and all", async (t) => {
  const page = await open(t);
  await shows(page, "#transport", "websocket");
  const room = `room-${Date.now()}`;
  await enter(page, "Ann", room);
  const before = await page.locator("#sid").textContent();
  await page.locator("#drop").click();
  await page.locator("#timeline").getByText(/^disconnected: /).waitFor();
  await shows(page, "#status", "connected");
  assert.notEqual(await page.locator("#sid").textContent(), before);
  await shows(page, "#members", "Ann");
  await say(page, "back again");
  await page.locator("#messages .text", { hasText: "back again" }).waitFor();
});

test("disconnecting by hand, and connecting again", async (t) => {
  const page = await open(t);
  await shows(page, "#status", "connected");
  await page.locator("#toggle").click();
  await shows(page, "#status", "disconnected");
  assert.ok(await page.locator("#send").isDisabled());
  await page.locator("#toggle").click();
  await shows(page, "#status", "connected");
});

test("what the node runs", async (t) => {
  const page = await open(t);
  await page.locator("#node", { hasText: /shard/ }).waitFor();
  const node = await (await page.request.get(`${SERVER_URL}/holdfast.json`)).json();
  assert.equal(await page.locator("#guests li").count(), node.guests.length);
  await page.locator("#version", { hasText: node.version }).waitFor();
});

test("without the browser client, one sentence says what to do", async (t) => {
  const page = await open(t, "/", { missing: true });
  await page.locator("#notice", { hasText: "make setup" }).waitFor();
  await shows(page, "#status", "disconnected");
});

test("dark, and on a phone: nothing sticks out", async (t) => {
  const dark = await open(t, "/", { colorScheme: "dark" });
  await enter(dark, "Ann", "night watch");
  await samples(dark, 3);
  await picture(dark, "-dark");
  const phone = await open(t, "/", { viewport: { width: 360, height: 740 } });
  await enter(phone, "Bob", "a room with a rather long name");
  await samples(phone, 2);
  const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} px too wide`);
  await picture(phone, "-phone");
});

/** A tab with storage of its own. At the end of the test it must not have logged an error. */
async function open(t, path = "/", { missing = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  if (missing) await page.route("**/socket.io.min.js", (route) => route.fulfill({ status: 404 }));
  t.after(async () => {
    await context.close();
    if (!missing) assert.deepEqual(errors, []);
  });
  await page.goto(SERVER_URL + path);
  return page;
}

async function shows(page, selector, text) {
  await page.locator(selector).and(page.getByText(text, { exact: true })).waitFor();
}

async function enter(page, nick, room) {
  await shows(page, "#status", "connected");
  await page.locator("#nick").fill(nick);
  await page.locator("#nick").blur();
  await page.locator("#room-name").fill(room);
  await page.locator("#room-name").press("Enter");
  await page.locator("#timeline").getByText(`joined ${room}`, { exact: true }).waitFor();
  await page.locator("#members", { hasText: nick }).waitFor();
}

async function say(page, text) {
  await page.locator("#message").fill(text);
  await page.locator("#message").press("Enter");
}

async function samples(page, count) {
  await page.waitForFunction((least) => Number(document.getElementById("rtt-count").textContent) >= least, count);
}

async function picture(page, suffix) {
  if (PICTURE) await page.screenshot({ path: PICTURE.replace(/(\.\w+)$/, `${suffix}$1`), fullPage: true });
}
