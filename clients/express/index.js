"use strict";

// Express sessions in Sojourn, through its HTTP API: express-session's own, under tokens that the service gives.
//
//   app.use(sojourn({ url: process.env.SOJOURN_API_URL, region: "eu-central-1", secret: process.env.SESSION_SECRET }));
//
// See docs/express.md. This file is the middleware; the store that express-session sees is in store.js.

const session = require("express-session");
const { Superseded, Unavailable } = require("./api.js");
const { SojournStore } = require("./store.js");

/** express-session, whose answers wait until the session is stored: only then is its token known. */
function sojourn(options = {}) {
  const { url, region, credentials, timeout, subject, former, log, store: given, ...theirs } = options;
  if (theirs.genid) throw new TypeError("genid: must not be given: Sojourn gives the ids of sessions, no application does");
  const store = given ?? new SojournStore({ url, region, credentials, timeout, subject, former, log });
  if (!(store instanceof SojournStore)) throw new TypeError("store: takes a SojournStore; an older one is `former`");
  const own = typeof theirs.cookie === "function" ? theirs.cookie : { secure: true, sameSite: "lax", ...theirs.cookie };
  const settings = { name: "__Host-session", resave: false, saveUninitialized: false, ...theirs, cookie: own, store };
  demandName(settings.name, own);
  const serve = session(settings);
  store.attach(settings);
  return function sojournSession(req, res, next) {
    let isFirst = !req.session;
    serve(req, res, (error) => {
      if (isFirst && !error && store.isOpen(req)) holdAnswer(req, res, store, next);
      isFirst = false;
      next(error);
    });
  };
}

function demandName(name, cookie) {
  const { secure, path = "/", domain } = typeof cookie === "function" ? { secure: true } : cookie;
  if (name.startsWith("__Host-") && (secure !== true || path !== "/" || domain)) {
    throw new TypeError(`name: a browser takes ${name} only with secure, path "/" and no domain; give another name`);
  }
}

/** Holds back what the page answers from its first word on, until the session is stored or `fail` has been called. */
function holdAnswer(req, res, store, fail) {
  const before = headOf(res);
  let held = null;
  let answer = null;
  let isDone = false;
  let hasEnded = false;
  for (const name of ["writeHead", "flushHeaders", "write", "end"]) {
    const call = res[name];
    if (!call) continue; // HTTP/2 has not all of them
    res[name] = function (...given) {
      if (isDone) return store.shown(req, () => call.apply(res, given));
      if (!hasEnded) hold(() => store.shown(req, () => call.apply(res, given)), name);
      return name === "write" ? false : res;
    };
  }

  function hold(call, name) {
    if (!held) {
      held = [];
      store.commit(req, res).then(release).catch(refuse);
    }
    held.push({ call, name });
    hasEnded = name === "end";
    if (hasEnded || name === "writeHead") answer = headOf(res);
  }

  // What came after the page's last word, an error page say, is not in the answer.
  function release() {
    isDone = true;
    if (answer) setHead(res, { ...answer, headers: { ...answer.headers, ...cookiesOf(res) } });
    for (const { call } of held) call();
    if (held.some(({ name }) => name === "write")) process.nextTick(() => res.emit("drain"));
  }

  function refuse(error) {
    isDone = true;
    setHead(res, before);
    fail(error);
  }
}

function headOf(res) {
  return { status: res.statusCode, message: res.statusMessage, headers: { ...res.getHeaders() } };
}

function cookiesOf(res) {
  const found = res.getHeader("set-cookie");
  return found === undefined ? {} : { "set-cookie": found };
}

function setHead(res, { status, message, headers }) {
  if (res.headersSent) return;
  res.statusCode = status;
  res.statusMessage = message;
  for (const name of res.getHeaderNames()) if (!(name in headers)) res.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) if (res.getHeader(name) !== value) res.setHeader(name, value);
}

module.exports = sojourn;
module.exports.SojournStore = SojournStore;
module.exports.Superseded = Superseded;
module.exports.Unavailable = Unavailable;
