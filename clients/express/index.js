"use strict";

// Express sessions in Sojourn, through its HTTP API: express-session's own, under tokens that the service gives.
//
//   app.use(sojourn({ url: process.env.SOJOURN_API_URL, region: "eu-central-1", secret: process.env.SESSION_SECRET }));
//
// See docs/express.md.

const http = require("node:http");
const https = require("node:https");
const { setImmediate: turn } = require("node:timers/promises");
const { isDeepStrictEqual, promisify } = require("node:util");
const { SignatureV4 } = require("@smithy/signature-v4");
const { Hash } = require("@smithy/hash-node");
const session = require("express-session");

const TOKEN = /^sjn_[A-Za-z0-9_-]{36}$/;
const SAFE = ["GET", "HEAD", "OPTIONS"];
const ROUNDS = 5;
const IN_FLIGHT_MS = 10_000;

/** The API did not answer, or refused to serve us: no session is empty because of that. */
class Unavailable extends Error {
  constructor(message, status = 503) {
    super(message);
    this.name = "Unavailable";
    this.status = this.statusCode = status;
    if (status === 503) this.headers = { "Retry-After": "1" };
  }
}

/** The request brought a token that a faster one, a login say, has replaced. It succeeds when it is repeated. */
class Superseded extends Error {
  constructor() {
    super("another request has replaced the token of this session");
    this.name = "Superseded";
    this.status = this.statusCode = 409;
  }
}

// ---- the middleware

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
    res[name] = function (...given) {
      if (isDone) return store.shown(req, () => call.apply(res, given));
      if (!hasEnded) hold(() => store.shown(req, () => call.apply(res, given)), name);
      return name === "write" ? false : res;
    };
  }

  function hold(call, name) {
    if (!held) {
      held = [];
      store.commit(req, res).then(release, refuse);
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

// ---- the store

/** The session of a request: express-session's, whose id is the token, as soon as there is one. */
class LiveSession extends session.Session {
  static of(req, cookie, data) {
    const made = Object.create(LiveSession.prototype, { req: { value: req }, id: { get: () => req.sessionID } });
    made.cookie = cookie;
    for (const [name, value] of Object.entries(data)) if (!(name in made)) made[name] = value;
    return made;
  }

  destroy(fn) {
    delete this.req.session;
    this.req.sessionStore.end(this.req, fn);
    return this;
  }

  /** The same session under another token, once the page has ended: whenever rights change. */
  rotate(fn) {
    visits.get(this.req).isRotated = true;
    if (fn) process.nextTick(fn);
    return this;
  }

  // Lest the cookie outlive its session.
  resetMaxAge() {
    super.resetMaxAge();
    const { cookie } = this;
    const end = visits.get(this.req)?.absoluteAt * 1000;
    if (cookie.expires > end) {
      const { originalMaxAge } = cookie;
      cookie.expires = new Date(end);
      cookie.originalMaxAge = originalMaxAge;
    }
    return this;
  }
}

const visits = new WeakMap();

/** What `sojourn` gives to express-session. `all`, `length` and `clear` are not there: no route shows all sessions. */
class SojournStore extends session.Store {
  #found;
  #settings = {};
  #make = () => {};
  #moved = new Map();

  constructor({ url, region, credentials, timeout, subject, former, log } = {}) {
    super();
    this.api = new Api({ url, region, credentials, timeout });
    this.subject = subject;
    this.former = former;
    this.log = log ?? ((message) => console.warn(message));
  }

  /** After express-session has put its `generate` here. */
  attach(settings) {
    this.#settings = settings;
    this.#make = this.generate;
    this.generate = (req) => this.#begin(req, {});
  }

  isOpen(req) {
    return visits.has(req);
  }

  get keepsEmpty() {
    return Boolean(this.#settings.saveUninitialized);
  }

  /** As express-session judges it. */
  isSecure(req) {
    const { proxy } = this.#settings;
    if (req.socket?.encrypted || proxy === false) return Boolean(req.socket?.encrypted);
    if (proxy !== true) return req.secure === true;
    return req.headers["x-forwarded-proto"]?.split(",")[0].trim().toLowerCase() === "https";
  }

  // ---- express-session's verbs

  get(sid, fn) {
    const found = TOKEN.test(sid) ? this.#read(sid) : this.#readFormer(sid);
    // createSession or generate are called before fn returns, and find in #found what get has no word for.
    callBack(found, (error, found) => {
      this.#found = found;
      fn(error, found?.data && { ...found.data, cookie: this.#cookieOf(found) });
      this.#found = undefined;
    });
  }

  createSession(req, data) {
    return this.#begin(req, data);
  }

  set(sid, given, fn) {
    callBack(this.#keep(sid, given), fn);
  }

  // A read has renewed the session already: what is left is another lifetime that the page gave it.
  touch(sid, given, fn) {
    const visit = visits.get(given?.req);
    if (!visit) return callBack(TOKEN.test(sid) ? this.api.touch(sid) : Promise.resolve(), fn);
    callBack(visit.queued(() => visit.relive(idleOf(given.cookie))), fn);
  }

  destroy(sid, fn) {
    const token = TOKEN.test(sid) ? sid : this.#moved.get(sid)?.token;
    callBack(token ? this.api.expire(token) : this.former && call(this.former, "destroy", sid), fn);
  }

  // The old session goes when it is known whose the new one is: a login gives it another token.
  regenerate(req, fn) {
    const visit = visits.get(req);
    visit?.leave();
    this.generate(req);
    if (fn) process.nextTick(fn);
  }

  // ---- what the middleware asks for

  /** Store what the page did, before the head of its answer goes. */
  async commit(req, res) {
    const visit = visits.get(req);
    visit.isRefused = true; // until it is stored
    visit.isFailed = res.statusCode >= 500;
    visit.isConfirmed = false;
    if (typeof req.sessionID !== "string") visit.isLost = true;
    else if (req.session instanceof LiveSession) await this.#keep(req.sessionID, req.session);
    else if (req.session == null && this.#settings.unset === "destroy") await promisify(this.end).call(this, req);
    await visit.queued(() => {});
    if (visit.failure) throw visit.failure;
    visit.isRefused = false;
    if (this.#isShownAgain(req, visit)) await visit.confirm();
    if (visit.isEnded && !visit.token && visit.shown) res.appendHeader("Set-Cookie", this.#spent(visit.usual));
    visit.isAnswered = true;
  }

  /** Call what may set a cookie, which it must not for a session that is not stored or no longer this client's. */
  shown(req, call) {
    const visit = visits.get(req);
    if (visit.token && !visit.isLost && !visit.isRefused) return call();
    const { session: kept, sessionID } = req;
    req.session = req.sessionID = undefined;
    try {
      return call();
    } finally {
      if (kept !== undefined) req.session = kept;
      req.sessionID = sessionID;
    }
  }

  /** End the session of the request, also where its token was replaced while it was on its way. */
  end(req, fn) {
    const visit = visits.get(req);
    const ended = visit.queued(() => visit.end());
    if (!fn) ended.catch((error) => (visit.failure = error));
    callBack(ended, fn);
  }

  destroyed(key) {
    return promisify(this.destroy).call(this, key);
  }

  subjectOf(data) {
    const found = typeof this.subject === "function" ? this.subject(data) : this.subject && data[this.subject];
    return found === undefined || found === null || found === "" ? null : String(found);
  }

  // ---- an older store

  /** One request of this process moves it in, as long as it is there. */
  async claim(sid) {
    for (const [key, { until }] of this.#moved) if (until < Date.now()) this.#moved.delete(key);
    if (this.#moved.has(sid)) throw new Superseded();
    this.#moved.set(sid, { until: Date.now() + IN_FLIGHT_MS });
    try {
      if (!(await call(this.former, "get", sid))) throw new Superseded();
    } catch (error) {
      this.unclaim(sid);
      throw error;
    }
  }

  /** A logout that is on its way with the older cookie ends the session that it has become. */
  move(sid, token) {
    this.#moved.set(sid, { until: Date.now() + IN_FLIGHT_MS, token });
  }

  unclaim(sid) {
    this.#moved.delete(sid);
  }

  async #readFormer(sid) {
    if (this.#moved.get(sid)?.until >= Date.now()) return { replaced: sid };
    const found = this.former && (await call(this.former, "get", sid));
    if (!found) return {};
    const { cookie, ...data } = JSON.parse(JSON.stringify(found));
    return { older: sid, data, kept: cookie, subject: this.subjectOf(data) };
  }

  // ----

  async #read(token) {
    const found = await this.api.read(token).catch((error) => {
      if (error instanceof Superseded) return { replaced: token };
      throw error;
    });
    return found ? { ...found, data: found.stored && untagged(found.stored) } : {};
  }

  async #keep(sid, given) {
    if (given.req) return visits.get(given.req).queued((visit) => visit.keep(given));
    if (!TOKEN.test(sid)) throw new TypeError("the ids of sessions are Sojourn's: use sojourn(), not this store alone");
    const req = { sessionID: sid, sessionStore: this, method: "POST" };
    const { cookie, ...data } = given;
    this.#found = await this.#read(sid);
    const kept = this.#begin(req, data);
    kept.cookie.originalMaxAge = cookie?.originalMaxAge ?? kept.cookie.originalMaxAge;
    if (visits.get(req).token) await visits.get(req).keep(kept);
  }

  #begin(req, data) {
    const found = this.#found ?? {};
    this.#found = undefined;
    req.headers ??= {}; // load() has none
    const shown = req.sessionID;
    this.#make(req);
    const usual = req.session.cookie;
    const cookie = cookieOf(usual, found.kept ?? found.stored?.cookie, found.expiresAt);
    req.sessionID = found.token ?? found.older ?? req.sessionID;
    const visit = visits.get(req) ?? new Visit(this, req, shown);
    visits.set(req, visit);
    req.session = LiveSession.of(req, cookie, data);
    visit.open(found, usual, req.session);
    return req.session;
  }

  /** For callers of `get` that no request belongs to. */
  #cookieOf({ kept, stored, expiresAt }) {
    const { cookie } = this.#settings;
    const usual = new session.Cookie(typeof cookie === "function" ? {} : cookie);
    return cookieOf(usual, kept ?? stored?.cookie, expiresAt).toJSON();
  }

  #isShownAgain(req, visit) {
    const isDue = this.#settings.rolling || (visit.hasStored && req.session?.cookie.expires != null);
    return isDue && visit.token === visit.shown && !visit.isLost && !visit.isConfirmed;
  }

  #spent(cookie) {
    const spent = new session.Cookie(cookie.data);
    spent.expires = new Date(0);
    return `${spent.serialize(this.#settings.name, "")}; Max-Age=0`;
  }
}

// ---- what a request does with its session

/** The session of one request, as the API has it. */
class Visit {
  #queue = Promise.resolve();
  #former = null;
  #base = {}; // what the page began with, or stored last
  #stored = {}; // what the API showed last
  #unseen = {};
  #idle;

  constructor(store, req, shown) {
    this.store = store;
    this.req = req;
    this.shown = shown;
  }

  /** What was found: a live session, a superseded token, one of an older store, or nothing. */
  open({ token = null, replaced = null, older = null, stored = {}, ...found }, usual, opened) {
    Object.assign(this, { token, replaced, older, usual, subject: null, version: 0, absoluteAt: NaN, ...found });
    this.#base = this.#stored = stored;
    this.#unseen = Object.fromEntries(Object.entries(stored).filter(([name]) => !Object.hasOwn(opened, name)));
    this.#idle = idleOf(opened.cookie);
  }

  /** Nothing is kept, ended or renewed beside something else in the same request. */
  queued(work) {
    const done = this.#queue.then(() => work(this));
    this.#queue = done.catch(() => {});
    return done;
  }

  /** From now on the request has a session that is to take the place of this one. */
  leave() {
    const { token, replaced, older, subject } = this;
    if (token || replaced || older) this.#former = { token: this.isLost ? null : token, replaced, older, subject };
    this.isLost = false;
  }

  /** Raises Superseded and Unavailable. */
  async keep(session) {
    const data = this.#documentOf(session);
    const wanted = { data, subject: this.store.subjectOf(session), idle: idleOf(session.cookie) };
    try {
      await this.#keep(wanted);
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
      // Only a request that logs in begins a session in the place of one it cannot change.
      if (wanted.subject && wanted.subject !== this.subject) await this.#create(wanted);
      else this.#refuse(error);
    }
    if (this.token) this.req.sessionID = this.token;
  }

  /** A lifetime that the page gave. */
  async relive(idle) {
    if (idle === undefined || idle === this.#idle || !this.token || this.isLost) return;
    this.#idle = idle;
    await this.#renew({ idle });
    await this.#outlast(idle);
  }

  /** Whether the token is still the session's, before it goes out once more. */
  confirm() {
    return this.#renew({});
  }

  /** A logout holds also when its token was replaced while it was on its way, unless by a login. */
  async end() {
    const former = this.#former ?? {};
    const keys = [this.token, this.replaced, this.older, former.token, former.replaced, former.older];
    this.#former = null;
    for (const key of keys) if (key) await this.#expire(key);
    Object.assign(this, { token: null, replaced: null, older: null, subject: null });
    this.#base = {};
  }

  // ----

  async #keep(wanted) {
    const { data, subject, idle } = wanted;
    if (this.isLost) return;
    if (this.#former) return this.#succeed(wanted);
    if (this.older) return this.#moveIn(wanted);
    if (this.replaced && !isEmpty(data)) throw new Superseded();
    if (!this.token) return isEmpty(data) && !this.store.keepsEmpty ? undefined : this.#create(wanted);
    const isChanged = !isDeepStrictEqual(data, this.#base); // a request that only reads changes no subject
    const isLogin = isChanged && this.store.subject && subject !== this.subject;
    if (isLogin && this.subject) return this.#continueAs(wanted);
    if (isLogin || this.isRotated) {
      if (!(await this.#replace(this.token, isLogin ? wanted : { idle }))) return this.#lose();
    }
    if (isChanged) await this.#merge(data);
    await this.relive(idle);
  }

  async #create({ data, subject, idle }) {
    if (!this.#canShow()) return;
    const body = { data, subject: subject ?? undefined, idle };
    const found = await this.store.api.create(body);
    this.#take(found, idle);
    this.isLost = false;
    await this.#outlast(idle);
  }

  /** One session is one subject's: another subject, or none, goes on in a new session. */
  async #continueAs(wanted) {
    if (!this.#canShow()) return;
    await this.store.destroyed(this.token);
    await this.#create(wanted);
  }

  /** The session that regenerate() left goes on under another token, or ends. */
  async #succeed(wanted) {
    const { token, older, replaced, subject } = this.#former;
    const isNothing = isEmpty(wanted.data) && !this.store.keepsEmpty;
    if (isNothing) return this.end();
    if (!this.#canShow()) return;
    const former = this.#former;
    this.#former = null;
    try {
      if (older) await this.#moveIn(wanted, older);
      else if (replaced) throw new Superseded();
      else if (!token) await this.#create(wanted);
      else if (subject && subject !== wanted.subject) await this.store.destroyed(token).then(() => this.#create(wanted));
      else if (await this.#replace(token, wanted)) await this.#merge(wanted.data, true);
      else await this.#create(wanted);
    } catch (error) {
      if (!(error instanceof Superseded)) this.#former = former;
      throw error;
    }
  }

  /** The same session under another token; false when it has ended. */
  async #replace(token, { subject, idle }) {
    if (!this.#canShow()) return true;
    const { api } = this.store;
    const found = await (subject ? api.login(token, { subject, idle }) : api.rotate(token));
    if (!found) return false;
    const base = this.#base;
    this.isRotated = false;
    this.#take(found, subject ? idle : this.#idle);
    this.#base = base;
    if (subject) await this.#outlast(idle);
    return true;
  }

  /** Other requests' keys stay, unless they are to be replaced; of a key that both changed, ours. */
  async #merge(data, isReplaced = false) {
    let theirs = { stored: this.#stored, version: this.version };
    for (let round = 0; round < ROUNDS; round++) {
      const wanted = isReplaced ? data : merged(this.#base, data, theirs.stored);
      const isStored = isDeepStrictEqual(wanted, theirs.stored);
      const found = isStored ? theirs : await this.store.api.change(this.token, theirs, wanted);
      if (found === undefined) return this.#lose();
      if (found) {
        Object.assign(this, { version: found.version, hasStored: true, isConfirmed: !isStored });
        this.#stored = found.stored;
        this.#base = data;
        return;
      }
      theirs = await this.store.api.read(this.token);
      if (!theirs) return this.#lose();
    }
    throw new Unavailable("others keep changing the session");
  }

  /** Into Sojourn from an older store, once. */
  async #moveIn(wanted, older = this.older) {
    if (this.isFailed || !this.#canShow()) return;
    await this.store.claim(older);
    try {
      await this.#create(wanted);
      await this.store.destroyed(older);
      this.store.move(older, this.token);
      this.older = null;
    } catch (error) {
      this.store.unclaim(older);
      if (this.token) await this.store.api.expire(this.token);
      this.token = null;
      throw error;
    }
  }

  async #expire(key) {
    try {
      await this.store.destroyed(key);
      this.isEnded = true;
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
      this.#refuse(error);
    }
  }

  async #renew(lifetime) {
    try {
      const found = await this.store.api.touch(this.token, lifetime);
      if (!found) return this.#lose();
      this.absoluteAt = found.absoluteAt;
      this.isConfirmed = true;
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
      this.isLost = true;
    }
  }

  /** A cookie for longer than a session may live anyway gets a session for as long. */
  async #outlast(idle) {
    if (idle && this.absoluteAt - Date.now() / 1000 < idle - 60) await this.#renew({ idle, absolute: idle });
  }

  #take({ token, version, subject, stored, absoluteAt }, idle) {
    Object.assign(this, { token, version, subject, absoluteAt, replaced: null, isConfirmed: true, hasStored: true });
    this.#base = this.#stored = stored;
    this.#idle = idle;
  }

  /** A page that only shows is served, and what it put in, the token of a form say, is dropped. Anything else failed. */
  #refuse(error) {
    this.isLost = true;
    if (!SAFE.includes(this.req.method)) throw error;
    this.store.log("Sojourn: the token was replaced by another request; what this one put in is dropped");
  }

  #lose() {
    this.isLost = true;
    this.store.log("Sojourn: the session has ended meanwhile; what this request put in is dropped");
  }

  /** A session begins, and changes its token, only where the cookie can follow. */
  #canShow() {
    const { cookie } = this.req.session ?? {};
    if (!this.isAnswered && !(cookie?.secure && !this.store.isSecure(this.req))) return true;
    const why = this.isAnswered ? "the answer has begun" : "a secure cookie cannot go over plain HTTP (trust proxy?)";
    this.store.log(`Sojourn: a session is not stored: ${why}`);
    this.isLost = true;
    return false;
  }

  /** As it will be read. The cookie's own attributes are in it where the page gave it others than the options do. */
  #documentOf(session) {
    const { cookie, ...data } = JSON.parse(JSON.stringify(session));
    const own = ownOf(cookie, this.usual);
    return { ...this.#unseen, ...tagged(data), ...(isEmpty(own) ? {} : { cookie: own }) };
  }
}

function isEmpty(object) {
  return Object.keys(object).length === 0;
}

function idleOf({ originalMaxAge }) {
  return typeof originalMaxAge === "number" ? Math.max(1, Math.round(originalMaxAge / 1000)) : undefined;
}

/** What a cookie has else than the usual one. Its end is not in it: that is the session's. */
function ownOf(cookie, usual) {
  const other = { ...JSON.parse(JSON.stringify(usual)) };
  const isSame = (name) => isDeepStrictEqual(cookie[name], other[name]);
  const own = Object.keys(cookie).filter((name) => name !== "expires" && name !== "originalMaxAge" && !isSame(name));
  const idle = idleOf(cookie);
  return {
    ...Object.fromEntries(own.map((name) => [name, cookie[name]])),
    ...(idle === idleOf(usual) ? {} : { originalMaxAge: idle === undefined ? null : idle * 1000 }),
  };
}

/** The usual cookie with what is the session's own. */
function cookieOf(usual, kept, expiresAt) {
  const { expires: _, originalMaxAge, ...attributes } = { ...usual.data, ...kept };
  const made = new session.Cookie(attributes);
  if (typeof originalMaxAge === "number") {
    made.expires = expiresAt ? new Date(expiresAt * 1000) : new Date(Date.now() + originalMaxAge);
    made.originalMaxAge = originalMaxAge;
  }
  return made;
}

function call(store, verb, sid) {
  return promisify(store[verb]).call(store, sid);
}

function callBack(promise, fn = () => {}) {
  Promise.resolve(promise).then(
    (found) => process.nextTick(fn, null, found),
    (error) => process.nextTick(fn, error),
  );
}

// ---- the API

/** Requests to the API, signed. What is found comes as { token, version, subject, stored, expiresAt, absoluteAt }. */
class Api {
  #connections;
  #signer;

  constructor({ url = process.env.SOJOURN_API_URL, region, credentials, timeout = 10_000 }) {
    if (!url) throw new TypeError("url: the address of Sojourn's API, or SOJOURN_API_URL in the environment");
    region ??= process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
    if (!region) throw new TypeError("region: that of the API, or AWS_REGION in the environment");
    this.url = new URL(url);
    this.timeout = timeout;
    this.#connections = new Connections(this.url);
    credentials ??= require("@aws-sdk/credential-provider-node").defaultProvider();
    const sha256 = Hash.bind(null, "sha256");
    this.#signer = new SignatureV4({ service: "execute-api", region, credentials, sha256 });
  }

  read(token) {
    return this.#call("GET", "/session", { token }, found(token));
  }

  create(body) {
    return this.#call("POST", "/sessions", { body, success: 201 }, found());
  }

  /** Undefined: the session has ended. Null: it is at another version. */
  change(token, theirs, wanted) {
    const data = patchOf(theirs.stored, wanted);
    if (data) return this.#call("PATCH", "/session", { token, body: { data } }, found(token));
    const headers = { "if-match": `"${theirs.version}"` };
    return this.#call("PUT", "/session", { token, body: { data: wanted }, headers }, found(token));
  }

  rotate(token) {
    return this.#call("POST", "/session/rotate", { token }, found(null, token));
  }

  login(token, body) {
    return this.#call("POST", "/session/login", { token, body }, found(null, token));
  }

  touch(token, body = {}) {
    return this.#call("POST", "/session/touch", { token, body }, ({ id, absolute_at: absoluteAt }) => {
      if (id !== idOf(token)) throw new Unavailable("the API's answer does not show this session");
      return { absoluteAt };
    });
  }

  expire(token) {
    return this.#call("DELETE", "/session", { token, success: 204 }, () => true);
  }

  /** What `understand` makes of a success. A request is never sent twice: its change may have happened. */
  async #call(method, path, { token, body, headers, success = 200 }, understand) {
    try {
      return await within(this.timeout, async (signal) => {
        const request = await this.#signed(method, path, { token, body, headers });
        return await this.#connections.exchange(request, signal, (answer) => understood(answer, success, understand));
      });
    } catch (error) {
      if (error instanceof Superseded) throw error;
      const why = error instanceof Unavailable ? error.message : (error.code ?? error.message);
      throw new Unavailable(`${method} ${path}: ${why}`, error.status);
    }
  }

  #signed(method, path, { token, body, headers }) {
    const { hostname, host, protocol, port, pathname } = this.url;
    const content = body === undefined ? undefined : JSON.stringify(body);
    return this.#signer.sign({
      method,
      protocol,
      hostname,
      port: port ? Number(port) : undefined,
      path: pathname.replace(/\/$/, "") + path,
      query: {},
      headers: {
        host,
        ...(token ? { "session-token": token } : {}),
        ...(content ? { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" } : {}),
        ...headers,
      },
      body: content,
    });
  }
}

const PROBLEM = "urn:sojourn:problem:";
const REFUSALS = {
  404: { [`${PROBLEM}session-not-found`]: undefined },
  409: { [`${PROBLEM}conflict`]: null },
  412: { [`${PROBLEM}precondition-failed`]: null },
};

/** A 404 of something else, a gateway of another API say, says nothing about sessions. */
function understood({ status, text }, success, understand) {
  const told = parsed(text);
  if (status === success) return understand(told);
  if (status === 404 && told.type === `${PROBLEM}token-superseded`) throw new Superseded();
  if (Object.hasOwn(REFUSALS[status] ?? {}, told.type)) return REFUSALS[status][told.type];
  throw new Unavailable(`${status} ${told.title ?? ""}`, status === 413 || status === 422 ? 500 : 503);
}

function parsed(text) {
  try {
    const found = JSON.parse(text);
    return found !== null && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {};
  }
}

/**
 * A success that shows no session, because it was cut short say, is not an empty one; and one that shows another
 * session than was asked for is not for us.
 */
function found(token, former) {
  return (answer) => {
    const given = token ?? answer.token;
    const isSession = TOKEN.test(given) && Number.isInteger(answer.version) && isObject(answer.data);
    const id = isSession && idOf(former ?? given);
    if (!isSession || answer.id !== id || idOf(given) !== id) {
      throw new Unavailable("the API's answer does not show this session");
    }
    const { version, subject = null, data, expires_at: expiresAt, absolute_at: absoluteAt } = answer;
    return { token: given, version, subject, stored: data, expiresAt, absoluteAt };
  };
}

function idOf(token) {
  return token.slice(4, 16);
}

async function within(milliseconds, work) {
  const given = new AbortController();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${milliseconds} ms`));
      given.abort();
    }, milliseconds);
  });
  try {
    return await Promise.race([work(given.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Exchanges with the API, one at a time on a connection.
 *
 * The next request on it is another user's, and an answer is told from another only by its place. So a connection is out
 * of its place for as long as an exchange lasts, and goes back when the answer was read whole and understood. One on
 * which anything comes unasked is closed.
 */
class Connections {
  #idle = [];

  constructor(url) {
    this.protocol = url.protocol === "https:" ? https : http;
  }

  async exchange(request, signal, understand) {
    const connection = (await this.#take()) ?? this.#open();
    try {
      signal.throwIfAborted();
      const answer = understand(await this.#send(connection, request, signal));
      this.#putBack(connection);
      return answer;
    } catch (error) {
      connection.agent.destroy();
      connection.socket?.destroy();
      throw error;
    }
  }

  #open() {
    return { agent: new this.protocol.Agent({ keepAlive: true, maxSockets: 1 }), socket: null, unasked: null };
  }

  /** What has arrived by now was noticed once the event loop has polled: after the second turn. */
  async #take() {
    for (let found = this.#idle.pop(); found; found = this.#idle.pop()) {
      await turn();
      await turn();
      found.socket.removeListener("data", found.unasked);
      found.socket.setTimeout(0, found.unasked);
      if (!found.socket.destroyed && !found.socket.readableEnded && found.socket.readableLength === 0) return found;
      found.agent.destroy();
    }
    return null;
  }

  #putBack(connection) {
    const { socket } = connection;
    this.#idle = this.#idle.filter((one) => !one.socket.destroyed);
    if (socket.destroyed) return;
    connection.unasked = () => socket.destroy();
    socket.on("data", connection.unasked);
    socket.setTimeout(IDLE_MS, connection.unasked);
    this.#idle.push(connection);
  }

  #send(connection, { method, hostname, port, path, headers, body }, signal) {
    return new Promise((resolve, reject) => {
      const options = { method, hostname, port, path, headers, signal, agent: connection.agent };
      const asked = this.protocol.request(options, (answer) => textOf(answer).then(resolve, reject));
      asked.on("socket", (socket) => (connection.socket = socket));
      asked.on("error", reject);
      asked.end(body);
    });
  }
}

const IDLE_MS = 2_000;

async function textOf(answer) {
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, text: Buffer.concat(chunks).toString("utf8") };
}

// ---- the JSON of a document: docs/item-format.md

// Values that only other languages have stay as they are; what merely looks like one is wrapped.
const FOREIGN = ["$bytes", "$date", "$datetime", "$decimal", "$frozenset", "$set", "$tuple", "$uuid"];

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function tagged(document) {
  return mapped(document, wrapped);
}

function wrapped(value) {
  if (Array.isArray(value)) return value.map(wrapped);
  if (!isObject(value)) return value;
  const [name, ...others] = Object.keys(value);
  const isTag = name?.startsWith("$") && others.length === 0 && !FOREIGN.includes(name);
  return isTag ? { $object: tagged(value) } : tagged(value);
}

function untagged(document) {
  return mapped(document, unwrapped);
}

function unwrapped(value) {
  if (Array.isArray(value)) return value.map(unwrapped);
  if (!isObject(value)) return value;
  const isWrapped = Object.keys(value).length === 1 && isObject(value.$object);
  return untagged(isWrapped ? value.$object : value);
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

/** Their document with what we changed of the one that both began with. */
function merged(base, mine, theirs) {
  const result = new Map(Object.entries(theirs));
  for (const name of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    const has = Object.hasOwn(mine, name);
    if (has === Object.hasOwn(base, name) && isDeepStrictEqual(base[name], mine[name])) continue;
    if (has) result.set(name, mine[name]);
    else result.delete(name);
  }
  return Object.fromEntries(result);
}

/** The merge patch (RFC 7396) that turns one object into another; undefined where a null is to be stored. */
function patchOf(before, after) {
  const patch = new Map();
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!Object.hasOwn(after, name)) {
      patch.set(name, null);
    } else if (!Object.hasOwn(before, name) || !isDeepStrictEqual(before[name], after[name])) {
      const value = isObject(after[name]) ? patchOf(isObject(before[name]) ? before[name] : {}, after[name]) : after[name];
      if (value === undefined || value === null) return undefined;
      patch.set(name, value);
    }
  }
  return Object.fromEntries(patch);
}

module.exports = sojourn;
module.exports.SojournStore = SojournStore;
module.exports.Superseded = Superseded;
module.exports.Unavailable = Unavailable;
