"use strict";

// express-session's own tests on our sessions: mocha --require their_tests.js test/session.js, in its source folder.
// In the place of its middleware they find ours, with its defaults, and a store of ours in the place of MemoryStore.
// THEIRS=1 leaves everything as it is, to compare.

const Module = require("node:module");
const path = require("node:path");

const middleware = path.resolve("index.js");
const client = process.env.EXPRESS_CLIENT ?? path.resolve(__dirname, "../../../clients/express/index.js");
const resolve = Module._resolveFilename;

if (!process.env.THEIRS) {
  Module._resolveFilename = function (request, parent, ...others) {
    if (request === "express-session") return middleware;
    const found = resolve.call(this, request, parent, ...others);
    return found === middleware && parent.filename.startsWith(path.resolve("test")) ? __filename : found;
  };
  const theirs = require(middleware);
  const sojourn = require(client);
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "none" };
  const api = { url: process.env.SOJOURN_API_URL, region: "eu-central-1", credentials, log: () => {} };

  // What no route shows, for tests that count the sessions of a store: those that began in it.
  class Counted extends sojourn.SojournStore {
    #tokens = new Map();

    constructor() {
      super(api);
      for (const verb of ["create", "rotate", "login"]) {
        const call = this.api[verb];
        this.api[verb] = async (...given) => {
          const found = await call.apply(this.api, given);
          if (found) this.#tokens.set(found.token.slice(4, 16), found.token);
          return found;
        };
      }
    }

    async #live() {
      const found = await Promise.all([...this.#tokens.values()].map((token) => this.api.read(token)));
      return found.filter(Boolean);
    }

    length(fn) {
      this.#live().then((found) => fn(null, found.length), fn);
    }

    all(fn) {
      const shown = (found) => Object.fromEntries(found.map(({ token, stored }) => [token, { ...stored, cookie: {} }]));
      this.#live().then((found) => fn(null, shown(found)), fn);
    }

    clear(fn) {
      Promise.all([...this.#tokens.values()].map((token) => this.api.expire(token))).then(() => fn(null), fn);
    }
  }

  module.exports = function session(options = {}) {
    if (options.store && !(options.store instanceof sojourn.SojournStore)) return theirs(options);
    const cookie = typeof options.cookie === "function" ? options.cookie : { secure: false, sameSite: false, ...options.cookie };
    return sojourn({ name: options.key ?? "connect.sid", resave: true, saveUninitialized: true, ...api, ...options, cookie });
  };
  Object.assign(module.exports, theirs, {
    MemoryStore: Counted,
  });
}
