"use strict";

// The store that express-session sees, and its sessions. What a request does with its session is in visit.js.

const { promisify } = require("node:util");
const session = require("express-session");
const { Api, Superseded, TOKEN } = require("./api.js");
const { untagged } = require("./document.js");
const { Visit, cookieOf, idleOf } = require("./visit.js");

const IN_FLIGHT_MS = 10_000;

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

const visits = new WeakMap(); // by request
const founds = new WeakMap(); // what is known of a session beside what get hands out, by that

/** What `sojourn` gives to express-session. `all`, `length` and `clear` are not there: no route shows all sessions. */
class SojournStore extends session.Store {
  #superseded = new Set();
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
    this.generate = (req) => this.#begin(req, this.#superseded.delete(req.sessionID) ? { replaced: req.sessionID } : {});
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
    callBack(TOKEN.test(sid) ? this.#read(sid) : this.#readFormer(sid), (error, found) => {
      if (found?.replaced) this.#superseded.add(sid); // generate comes next, and get has no word for it
      if (!found?.data) return fn(error);
      const shown = { ...found.data, cookie: this.#cookieOf(found) };
      founds.set(shown, found);
      fn(null, shown);
    });
  }

  createSession(req, shown) {
    return this.#begin(req, founds.get(shown) ?? {}, shown);
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
    const kept = this.#begin(req, await this.#read(sid), data);
    kept.cookie.originalMaxAge = cookie?.originalMaxAge ?? kept.cookie.originalMaxAge;
    if (visits.get(req).token) await visits.get(req).keep(kept);
  }

  #begin(req, found, data = {}) {
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

function call(store, verb, sid) {
  return promisify(store[verb]).call(store, sid);
}

function callBack(promise, fn = () => {}) {
  Promise.resolve(promise).then(
    (found) => process.nextTick(fn, null, found),
    (error) => process.nextTick(fn, error),
  );
}

module.exports = { SojournStore };
