"use strict";

// What a request does with its session: when one begins, changes, gets another token, moves in and ends. Knows no HTTP.

const { isDeepStrictEqual } = require("node:util");
const session = require("express-session");
const { Superseded, Unavailable } = require("./api.js");
const { isEmpty, merged, tagged } = require("./document.js");

const SAFE = ["GET", "HEAD", "OPTIONS"];
const ROUNDS = 5;

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
    if (this.replaced && isEmpty(data)) return;
    if (this.replaced) throw new Superseded();
    if (!this.token) return isEmpty(data) && !this.store.keepsEmpty ? undefined : this.#create(wanted);
    const isChanged = !isDeepStrictEqual(data, this.#base); // a request that only reads changes no subject
    const isLogin = isChanged && this.store.subject && subject !== this.subject;
    if (isLogin && this.subject) return this.#continueAs(wanted);
    if (isLogin || this.isRotated) {
      if (!this.#canShow()) return;
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

module.exports = { Visit, cookieOf, idleOf };
