"use strict";

// Interrupts pages of one user at random moments and looks at whose session the pages after and beside them get:
//
//   node interrupted.js CLIENT.js SEED INTERLEAVINGS
//
// Prints what it did as JSON, and ends with the first page that got what was not its own. Nothing in it waits for a
// while: the API holds its answer until the page is gone.

const http = require("node:http");
const { AstrayApi, PHASES } = require("./astray_api.js");

const [client, seed, interleavings] = process.argv.slice(2);
const sojourn = require(client);
const CALLS = { look: 1, put: 2, begin: 1, renew: 2, end: 2 };
const PATIENT = 60_000;

let unasked = null; // what the API does just before the next page asks it

class Stray extends Error {}
class Failed extends Error {}

/** Numbers from 0 up to its argument, the same ones for a seed (mulberry32). */
function randomOf(state) {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

async function main() {
  const api = new AstrayApi();
  await api.listen();
  const store = new sojourn.SojournStore({
    url: api.url,
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "none" },
    timeout: PATIENT,
    log: () => {},
  });
  const serve = sojourn({ store, secret: "s", name: "sid", cookie: { secure: false } });
  const shop = http.createServer((req, res) => {
    unasked?.();
    unasked = null;
    serve(req, res, (error) => (error ? refused(res, error) : page(req, res)));
  });
  await new Promise((done) => shop.listen(0, "127.0.0.1", done));
  const pages = new Pages(api, store, shop.address().port);
  const ways = {};
  const failed = [];
  let stray = null;
  for (let number = 0; number < Number(interleavings) && !stray; number++) {
    try {
      const way = await interleaving(pages, number, randomOf(Number(seed) + number));
      ways[way] = (ways[way] ?? 0) + 1;
    } catch (error) {
      if (error instanceof Stray) stray = error.message;
      else if (error instanceof Failed) failed.push(error.message);
      else throw error;
    }
  }
  const { requests, connections } = api;
  console.log(JSON.stringify({ ways, failed: failed.length, first_failed: failed[0], stray, requests, connections }));
  process.exit(0);
}

function refused(res, error) {
  res.statusCode = error.status ?? 500;
  res.end(JSON.stringify({ error: error.message }));
}

function page(req, res) {
  const [, kind, text] = req.url.split("/");
  if (kind === "put") req.session.n = text;
  if (kind === "begin") req.session.user = text;
  if (kind === "renew") req.session.rotate();
  const shown = JSON.stringify({ ...req.session, cookie: undefined });
  if (kind !== "end") return res.end(shown);
  req.session.destroy((error) => (error ? refused(res, error) : res.end(shown)));
}

/** Pages of the shop, held against whose they are. */
class Pages {
  constructor(api, store, port) {
    Object.assign(this, { api, store, port });
    this.agent = new http.Agent({ keepAlive: true });
  }

  begun(user) {
    return [user, this.api.begin({ user })];
  }

  async get(kind, user, token, text = "") {
    const path = `/${kind}/${kind === "begin" ? user : text}`;
    const cookie = kind === "begin" ? "" : `sid=${encodeURIComponent(signed(token))}`;
    const { status, body, cookies } = await this.#fetch(path, cookie);
    if (status !== 200) return { status, ...body };
    const told = /sjn_[A-Za-z0-9_-]{36}/.exec(cookies.join())?.[0];
    const owners = [body.user, ...(told ? [this.api.ownerOf(told)] : [])];
    if (owners.some((owner) => owner !== user)) throw new Stray(`${kind} of ${user}: ${owners}`);
    if (kind === "begin" && !told) throw new Stray(`${kind} of ${user}: no cookie`);
    return { status, ...body };
  }

  async served(kind, user, token, text) {
    const shown = await this.get(kind, user, token, text);
    if (shown.status !== 200) throw new Failed(`${kind} of ${user}: ${shown.error}`);
    return shown;
  }

  #fetch(path, cookie) {
    return new Promise((resolve, reject) => {
      const options = { port: this.port, path, agent: this.agent, method: "POST", headers: cookie ? { cookie } : {} };
      const asked = http.request(options, async (answer) => {
        const chunks = [];
        for await (const chunk of answer) chunks.push(chunk);
        const cookies = answer.headers["set-cookie"] ?? [];
        resolve({ status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()), cookies });
      });
      asked.on("error", reject);
      asked.end();
    });
  }
}

function signed(token) {
  const { createHmac } = require("node:crypto");
  return `s:${token}.${createHmac("sha256", "s").update(token).digest("base64").replace(/=+$/, "")}`;
}

/** One page that something happens to, then pages of others, alone and beside each other. */
async function interleaving(pages, number, random) {
  const pick = (list) => list[random(list.length)];
  const kinds = Object.keys(CALLS);
  const [ada, eve, bea] = ["ada", "eve", "bea"].map((name) => pages.begun(`${name}-${number}`));
  const isWarm = pick([true, true, false]);
  if (isWarm) await pages.served("look", ...ada);
  const way = pick(["late", "late", "late", "cut", "double_with", "double_later", "close", "repeat", "repeat"]);
  const kind = pick(kinds);
  // Behind the last call of the page, where what is doubled would be the next one's answer.
  const skip = way.startsWith("double") ? CALLS[kind] - 1 : random(CALLS[kind]);
  let release;
  if (way === "repeat") return repeated(pages, number, pick);
  const gone = new Promise((done) => (release = done));
  const twists = {
    late: { hold: pick(PHASES), release: gone },
    cut: { cut: true },
    double_with: { double: "with" },
    double_later: { double: "later" },
    close: { close: true },
  };
  const done = pages.api.twist({ skip, ...twists[way] });
  pages.store.api.timeout = way === "late" ? 15 : PATIENT;
  const shown = await pages.get(kind, ...ada, String(number));
  pages.store.api.timeout = PATIENT;
  if (way === "late" && shown.status === 200) throw new Failed(`${kind} was not late`);
  if (way === "cut" && shown.status === 200 && kind !== "end") throw new Failed(`${kind}: cut short, and taken for an answer`);
  if (random(2)) release(); // the rest comes while the next one asks, or has come
  const next = pages.served(pick(kinds), ...eve, "1");
  release();
  await next;
  pages.api.straighten();
  await done;
  await pages.served("put", ...bea, String(number));
  const others = [0, 1, 2].map((each) => pages.served(pick(kinds), ...pages.begun(`eva-${number}-${each}`), "2"));
  const [{ n }] = await Promise.all([pages.served("look", ...bea), ...others]);
  if (n !== String(number)) throw new Stray(`an older answer: ${n}`);
  return `${way}${isWarm ? "" : ", cold"}`;
}

/** An answer that comes twice, the second time just before another user's page asks. */
async function repeated(pages, number, pick) {
  await pages.served("look", ...pages.begun(`ada-repeat-${number}`));
  unasked = () => pages.api.repeat();
  await pages.served(pick(["look", "put", "begin", "renew"]), ...pages.begun(`eve-repeat-${number}`), "1");
  if (pages.api.usedOn > 0) throw new Failed("a connection was used on");
  return "repeat";
}

main();
