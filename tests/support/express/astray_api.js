"use strict";

// Sojourn's API on 127.0.0.1 as far as the Express client calls it, with sessions in memory and answers that can be
// held, cut short or doubled. Not a model of the API: nothing expires, merges or is superseded.

const { randomBytes } = require("node:crypto");
const net = require("node:net");

// Where an answer can be held: before it, behind its head, in its body, before its last byte.
const PHASES = ["before", "head", "body", "last"];

class AstrayApi {
  sessions = new Map();
  connections = 0;
  requests = 0;
  usedOn = 0; // requests on a connection on which something had come unasked
  #twist = null;
  #last = null;
  #spoilt = new WeakSet();

  async listen() {
    this.server = net.createServer((socket) => this.#serve(socket));
    await new Promise((done) => this.server.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  /** A token of a new session. */
  begin(data) {
    const token = `sjn_${randomBytes(27).toString("base64url")}`;
    this.sessions.set(token, { token, version: 1, data });
    return token;
  }

  /** Whose session the token opens, now or before it was rotated away. */
  ownerOf(token) {
    return this.sessions.get(token)?.data.user;
  }

  /**
   * Does something to the answer after the next `skip` answers:
   *   hold: a phase, at which `release`, a promise, is waited for
   *   cut: closes the connection in the middle of the body
   *   double: sends the answer twice, in one piece ("with") or in two ("later")
   *   close: closes the connection behind the answer, which did not say so
   * The promise is kept when it is done.
   */
  twist(twist) {
    return new Promise((done) => (this.#twist = { skip: 0, ...twist, done }));
  }

  /** Forgets the twist; true when no answer had it yet. */
  straighten() {
    const was = this.#twist;
    this.#twist = null;
    was?.done();
    return was !== null;
  }

  /** Sends the last answer once more, unasked; it is with the client's kernel when this returns. */
  repeat() {
    this.#last.socket.write(this.#last.answer);
    this.#spoilt.add(this.#last.socket);
  }

  #serve(socket) {
    this.connections++;
    let read = Buffer.alloc(0);
    let order = Promise.resolve();
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      read = Buffer.concat([read, chunk]);
      const end = read.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [line, ...lines] = read.subarray(0, end).toString().split("\r\n");
      const headers = Object.fromEntries(lines.map((one) => [one.slice(0, one.indexOf(":")).toLowerCase(), one.slice(one.indexOf(":") + 1).trim()]));
      const size = end + 4 + Number(headers["content-length"] ?? 0);
      if (read.length < size) return;
      const body = read.subarray(end + 4, size).toString();
      read = read.subarray(size);
      order = order.then(() => this.#answer(socket, line.split(" "), headers, body));
    });
  }

  async #answer(socket, [method, path], headers, body) {
    this.requests++;
    if (this.#spoilt.has(socket)) this.usedOn++;
    const [status, told] = this.#route(method, path, headers["session-token"], body && JSON.parse(body));
    const text = told ? JSON.stringify({ ...told, label: this.requests % 2 ? "x".repeat(90_000) : null }) : "";
    const head = `HTTP/1.1 ${status} Told\r\n${status === 204 ? "" : `Content-Length: ${text.length}\r\n`}\r\n`;
    this.#last = { socket, answer: head + text };
    if (!this.#twist || this.#twist.skip-- > 0) return void socket.write(head + text);
    const twist = this.#twist;
    this.#twist = null;
    await this.#twisted(socket, head, text, twist);
    twist.done();
  }

  async #twisted(socket, head, text, { hold, release, cut, double, close }) {
    const half = text.length >> 1;
    const pieces = { before: "", head, body: text.slice(0, half), last: text.slice(half, -1) };
    for (const [phase, piece] of Object.entries(pieces)) {
      if (piece) await written(socket, piece);
      if ((hold && !text ? "before" : hold) === phase) await release;
      if (cut && phase === "body") return socket.destroy();
    }
    await written(socket, text.slice(-1) + (double === "with" ? head + text : ""));
    if (double === "later") await written(socket, head + text);
    if (close) socket.end();
  }

  #route(method, path, token, body) {
    if (method === "POST" && path === "/sessions") return [201, this.#shown(this.begin(body.data), true)];
    const session = this.sessions.get(token);
    if (method === "DELETE") {
      if (session) session.token = null;
      return [204, null];
    }
    if (!session || session.token !== token) return [404, { type: "urn:sojourn:problem:session-not-found" }];
    if (method === "GET") return [200, this.#shown(token)];
    session.version++;
    if (method === "PATCH") {
      session.data = { ...session.data, ...body.data };
      return [200, this.#shown(token)];
    }
    session.token = token.slice(0, 16) + randomBytes(18).toString("base64url");
    this.sessions.set(session.token, session);
    return [200, this.#shown(session.token, true)];
  }

  #shown(token, isNew = false) {
    const { version, data } = this.sessions.get(token);
    return { id: token.slice(4, 16), version, data, subject: null, ...(isNew ? { token } : {}) };
  }
}

function written(socket, piece) {
  return new Promise((done) => (socket.destroyed ? done() : socket.write(piece, () => done())));
}

module.exports = { AstrayApi, PHASES };
