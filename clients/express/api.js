"use strict";

// Signed calls of Sojourn's HTTP API, and the connections that they go over. Knows nothing of Express.

const http = require("node:http");
const https = require("node:https");
const { setImmediate: turn } = require("node:timers/promises");
const { SignatureV4 } = require("@smithy/signature-v4");
const { Hash } = require("@smithy/hash-node");
const { isObject, patchOf } = require("./document.js");

const TOKEN = /^sjn_[A-Za-z0-9_-]{36}$/;

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
 * A success that shows no session, because it was cut short say, is not an empty one. An answer with another session
 * than the one that was read is an error.
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
 * The next request on a connection may be another user's, and HTTP matches answers to requests by their order alone. So
 * a connection leaves the pool while an exchange lasts, and returns when the answer was read whole and parsed. A
 * connection that receives bytes without a request is closed.
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

module.exports = { Api, Superseded, TOKEN, Unavailable };
