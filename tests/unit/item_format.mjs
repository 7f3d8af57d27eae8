// A reader and a writer of item format 1 in another language, from docs/item-format.md and Node's own modules alone.
// Checks every vector it is given; prints what it checked and a document that it wrote itself.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { constants, deflateSync, inflateSync } from "node:zlib";

const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));
const dictionary = Buffer.from(vectors.dictionaries["1"].text, "ascii");

const FORMAT = 1;
const PLAIN = 0;
const DEFLATED = 1;
const ITEM_ALLOWANCE = 300;

function decode(encoded, maxBytes) {
  assert.equal(encoded[0], FORMAT, "unknown format");
  const payload = encoded.subarray(2);
  const text = encoded[1] === PLAIN ? payload : inflate(encoded[1], payload, maxBytes);
  assert.ok(text.length <= maxBytes, "too large");
  return text;
}

function inflate(flag, payload, maxBytes) {
  assert.equal(flag, DEFLATED, "unknown flag");
  const { buffer, engine } = inflateSync(payload, { dictionary, maxOutputLength: maxBytes, info: true });
  assert.equal(engine.bytesWritten, payload.length, "something follows the stream");
  return buffer;
}

function encode(text) {
  const units = (bytes) => Math.ceil((ITEM_ALLOWANCE + 2 + bytes) / 1024);
  const deflated = deflateSync(text, { dictionary, level: constants.Z_DEFAULT_COMPRESSION });
  const pays = units(deflated.length) < units(text.length);
  return Buffer.concat([Buffer.from([FORMAT, pays ? DEFLATED : PLAIN]), pays ? deflated : text]);
}

function sessionId(token, namespace) {
  if (!/^sjn_[A-Za-z0-9_-]{43}$/.test(token)) return null;
  const secret = Buffer.from(token.slice(4), "base64url");
  if (secret.toString("base64url") !== token.slice(4)) return null;
  const hash = createHash("sha256");
  for (const part of [Buffer.from("sojourn-v1"), Buffer.from(namespace), secret]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hash.update(length).update(part);
  }
  return hash.digest("base64url");
}

for (const { name, text, encoded } of vectors.documents) {
  const stored = Buffer.from(encoded, "hex");
  assert.equal(decode(stored, 1 << 20).toString("utf8"), text, name);
  assert.equal(encode(Buffer.from(text))[1], stored[1], name);
  assert.equal(decode(encode(Buffer.from(text)), 1 << 20).toString("utf8"), text, name);
}
for (const { name, encoded, max_bytes } of vectors.refused_encodings) {
  assert.throws(() => decode(Buffer.from(encoded, "hex"), max_bytes), undefined, name);
}
for (const { name, token, namespace, session_id } of vectors.session_ids) {
  assert.equal(sessionId(token, namespace), session_id, name);
}
for (const { name, token } of vectors.refused_tokens) {
  assert.equal(sessionId(token, "default"), null, name);
}
for (const { name, token, namespace, item, text } of vectors.items) {
  assert.equal(item.session_id.S, `${namespace}#${sessionId(token, namespace)}`, name);
  if (item.data) assert.equal(decode(Buffer.from(item.data.B, "base64"), 1 << 20).toString("utf8"), text, name);
}

const items = Array.from({ length: 200 }, () => [
  { $tuple: [1, "ä"] },
  { $bytes: Buffer.from([0, 255]).toString("base64") },
]).flat();
const written = encode(Buffer.from(JSON.stringify({ at: { $datetime: new Date(1769860800000).toISOString() }, items })));
assert.equal(written[1], DEFLATED);

const checked = ["documents", "refused_encodings", "session_ids", "refused_tokens", "items"];
console.log(
  JSON.stringify({
    checked: Object.fromEntries(checked.map((name) => [name, vectors[name].length])),
    encoded: written.toString("hex"),
  }),
);
